// Errors as JavaScript sees them: a message that says what was tried, and the errno's name as `code`.
#pragma once

#include <napi.h>

#include <string>

// "ENOENT" for ENOENT; "E512" for a number that has no name.
std::string errnoName(int number);

Napi::Error errnoError(Napi::Env env, int number, const std::string& what);

// A fault of the caller with shared memory, `code` ERR_PAGE: closed, read-only, or a range that is none.
Napi::Error pageError(Napi::Env env, const std::string& what);
