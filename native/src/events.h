#pragma once

#include <napi.h>

#include <string>

Napi::Function defineEvents(Napi::Env env);
// Why libxenevtchn can't be used; empty if it can.
std::string eventLibraryProblem();
