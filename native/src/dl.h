// Xen's libraries, loaded on first use: the addon builds and loads on a host without them.
#pragma once

#include <napi.h>

#include <string>

#include "xen_abi.h"

class Library {
 public:
  // Opens the library, or records why it can't be opened. It stays open until the process ends.
  explicit Library(const char* soname);
  // Throws ELIBACC with the loader's message if the library, or a function of it, is missing.
  void require(Napi::Env env) const;
  const std::string& problem() const { return problem_; }

 protected:
  template <typename Function>
  void find(Function*& function, const char* name) {
    function = reinterpret_cast<Function*>(symbol(name));
  }

 private:
  void* symbol(const char* name);
  const char* soname_;
  void* handle_;
  std::string problem_;
};

// The logger for the libraries. By default they write to stderr, but the errno is enough.
xen::Logger* quietLogger();

// The libraries open some of Xen's devices without O_CLOEXEC: sets it on each descriptor of /dev/xen.
void closeXenDevicesOnExec();
