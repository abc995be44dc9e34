#include "dl.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "error.h"

Library::Library(const char* soname) : soname_(soname), handle_(dlopen(soname, RTLD_NOW | RTLD_LOCAL)) {
  if (!handle_) problem_ = dlerror();
}

void* Library::symbol(const char* name) {
  if (!handle_) return nullptr;
  void* address = dlsym(handle_, name);
  if (!address && problem_.empty()) problem_ = std::string(soname_) + " has no " + name;
  return address;
}

void Library::require(Napi::Env env) const {
  if (!problem_.empty()) throw errnoError(env, ELIBACC, problem_);
}

xen::Logger* quietLogger() {
  static xen::Logger logger{
      [](xen::Logger*, int, int, const char*, const char*, va_list) {},
      [](xen::Logger*, const char*, const char*, int, unsigned long, unsigned long) {},
      [](xen::Logger*) {},
  };
  return &logger;
}

void closeXenDevicesOnExec() {
  DIR* dir = opendir("/proc/self/fd");
  if (!dir) return;
  while (const dirent* entry = readdir(dir)) {
    char target[16] = {};
    if (readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1) < 0) continue;
    if (strncmp(target, "/dev/xen/", 9) == 0) fcntl(atoi(entry->d_name), F_SETFD, FD_CLOEXEC);
  }
  closedir(dir);
}
