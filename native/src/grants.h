#pragma once

#include <napi.h>

#include <string>

Napi::Function defineGrants(Napi::Env env);
// Why libxengnttab can't be used; empty if it can.
std::string grantLibraryProblem();
