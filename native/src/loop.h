// libuv handles of the addon. A handle that is still open at the end of its environment would abort the process (a
// worker's loop must be empty), so each handle closes itself then.
#pragma once

#include <napi.h>
#include <uv.h>

#include <functional>

// Runs `body`, which may call JavaScript, from the event loop: microtasks run after it, and an exception becomes an
// uncaughtException.
void enterJs(Napi::Env env, const std::function<void()>& body);

// Deletes itself. close() may be called at any time, but only once; the end of the environment also calls it. `closing`
// then notifies the owner, which must no longer use the pointer.
class LoopHandle {
 public:
  using Callback = std::function<void()>;

  // Returns null and sets errno if the descriptor can't be polled.
  static LoopHandle* poll(Napi::Env env, int fd, Callback ready, Callback closing);
  // wake() makes the event loop's thread call `ready`.
  static LoopHandle* async(Napi::Env env, Callback ready, Callback closing);

  void startPolling();
  void stopPolling();
  // From any thread, but not after `closing` was called: the caller holds a lock that `closing` acquires.
  void wake() { uv_async_send(&uv_.async); }
  // Whether the handle keeps the process alive.
  void keepAlive(bool yes);
  void close();

 private:
  LoopHandle(Napi::Env env, Callback ready, Callback closing)
      : env_(env), ready_(std::move(ready)), closing_(std::move(closing)) {}
  void register_();

  uv_any_handle uv_;
  Napi::Env env_;
  Callback ready_, closing_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
};
