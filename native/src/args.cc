#include "args.h"

static Napi::TypeError wrong(Napi::Env env, const char* name, const std::string& wanted) {
  return Napi::TypeError::New(env, std::string(name) + " must be " + wanted);
}

uint32_t uint32Of(const Napi::Value& value, const char* name, uint32_t max) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  // NaN fails the comparison too.
  if (!(number >= 0 && number <= max) || number != static_cast<uint32_t>(number))
    throw wrong(value.Env(), name, "an integer from 0 to " + std::to_string(max));
  return static_cast<uint32_t>(number);
}

bool boolArg(const Napi::CallbackInfo& info, size_t i, const char* name) {
  if (!info[i].IsBoolean()) throw wrong(info.Env(), name, "a boolean");
  return info[i].As<Napi::Boolean>();
}

std::string stringArg(const Napi::CallbackInfo& info, size_t i, const char* name) {
  if (!info[i].IsString()) throw wrong(info.Env(), name, "a string");
  auto text = info[i].As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) throw wrong(info.Env(), name, "a string without NUL");
  return text;
}

Napi::Uint8Array bytesOf(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw wrong(value.Env(), name, "a Uint8Array");
  return value.As<Napi::Uint8Array>();
}

Napi::Function functionArg(const Napi::CallbackInfo& info, size_t i, const char* name) {
  if (!info[i].IsFunction()) throw wrong(info.Env(), name, "a function");
  return info[i].As<Napi::Function>();
}

Napi::Uint32Array uint32ArrayArg(const Napi::CallbackInfo& info, size_t i, const char* name) {
  if (!info[i].IsTypedArray() || info[i].As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array)
    throw wrong(info.Env(), name, "a Uint32Array");
  return info[i].As<Napi::Uint32Array>();
}
