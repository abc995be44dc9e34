// Constructors of the addon's classes; each environment (main thread, worker) has its own.
#pragma once

#include <napi.h>

struct Classes {
  Napi::FunctionReference page, region, grants, events, store, tables, tap;
};

inline Classes& classesOf(Napi::Env env) { return *env.GetInstanceData<Classes>(); }
