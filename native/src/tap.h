#pragma once

#include <napi.h>

Napi::Function defineTap(Napi::Env env);
