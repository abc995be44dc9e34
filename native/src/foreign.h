#pragma once

#include <napi.h>

#include <string>

Napi::Function defineGrantTables(Napi::Env env);
// Why libxenforeignmemory can't be used; empty if it can.
std::string foreignLibraryProblem();
