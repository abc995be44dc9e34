#include "error.h"

#include <uv.h>

#include <cerrno>
#include <cstring>

std::string errnoName(int number) {
  // The one errno that libuv has no name for.
  if (number == ELIBACC) return "ELIBACC";
  char name[64];
  uv_err_name_r(-number, name, sizeof name);
  return strncmp(name, "Unknown", 7) == 0 ? "E" + std::to_string(number) : name;
}

static Napi::Error withCode(Napi::Env env, const std::string& code, const std::string& what) {
  auto error = Napi::Error::New(env, what);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

Napi::Error errnoError(Napi::Env env, int number, const std::string& what) {
  return withCode(env, errnoName(number), what);
}

Napi::Error pageError(Napi::Env env, const std::string& what) { return withCode(env, "ERR_PAGE", what); }
