// Xen's libraries, loaded when they are first used: the addon builds and loads on a host that has none of them.
#pragma once

#include <napi.h>

#include <string>

#include "xen_abi.h"

class Library {
 public:
  // Opens the library, or remembers why it can't be opened. It stays open until the process ends.
  explicit Library(const char* soname);
  // Throws ELIBACC with the loader's own words if the library, or a function of it, is missing.
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

// The logger that is handed to the libraries. They'd write to stderr otherwise; errno says enough.
xen::Logger* quietLogger();

// The libraries open some of Xen's devices without O_CLOEXEC: sets it on each descriptor of /dev/xen.
void closeXenDevicesOnExec();
