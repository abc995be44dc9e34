// Errors for JavaScript: a message that names the operation, and the errno's name as `code`.
#pragma once

#include <napi.h>

#include <string>

// "ENOENT" for ENOENT; "E512" for a number without a name.
std::string errnoName(int number);

Napi::Error errnoError(Napi::Env env, int number, const std::string& what);

// An error of the caller with shared memory, `code` ERR_PAGE: closed, read-only, or an invalid range.
Napi::Error pageError(Napi::Env env, const std::string& what);
