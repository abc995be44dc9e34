// Arguments of the addon's functions. A wrong type or range throws a TypeError; nothing is converted.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>

uint32_t uint32Of(const Napi::Value& value, const char* name, uint32_t max = UINT32_MAX);
inline uint32_t uint32Arg(const Napi::CallbackInfo& info, size_t i, const char* name, uint32_t max = UINT32_MAX) {
  return uint32Of(info[i], name, max);
}
// Domain numbers that a domain can have (xen.h, "DOMID_FIRST_RESERVED").
constexpr uint32_t MAX_DOMID = 0x7fef;

bool boolArg(const Napi::CallbackInfo& info, size_t i, const char* name);
// A string without NUL, since it is passed to C.
std::string stringArg(const Napi::CallbackInfo& info, size_t i, const char* name);
Napi::Uint8Array bytesOf(const Napi::Value& value, const char* name);
Napi::Uint32Array uint32ArrayArg(const Napi::CallbackInfo& info, size_t i, const char* name);
Napi::Function functionArg(const Napi::CallbackInfo& info, size_t i, const char* name);
