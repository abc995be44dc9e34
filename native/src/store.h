#pragma once

#include <napi.h>

Napi::Function defineStore(Napi::Env env);

// openStore(onWatch(path, token)): Promise<Store>
Napi::Value openStore(const Napi::CallbackInfo& info);
