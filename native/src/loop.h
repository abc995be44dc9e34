// libuv handles of the addon. One that is still open when its environment ends would abort the process (a worker's
// loop must be empty), so each closes itself then.
#pragma once

#include <napi.h>
#include <uv.h>

#include <functional>

// Runs `body`, which may call JavaScript, from the event loop: microtasks run after it, and what it throws becomes an
// uncaughtException.
void enterJs(Napi::Env env, const std::function<void()>& body);

// Owns itself. close() may be called at any time but only once; the environment's end calls it too, and `closing`
// tells the owner, who must forget the pointer then.
class LoopHandle {
 public:
  using Callback = std::function<void()>;

  // Answers null if the descriptor can't be polled, and sets errno.
  static LoopHandle* poll(Napi::Env env, int fd, Callback ready, Callback closing);
  // wake() calls `ready` on the event loop's thread.
  static LoopHandle* async(Napi::Env env, Callback ready, Callback closing);

  void startPolling();
  void stopPolling();
  // From any thread, but not after `closing` was called: the caller holds a lock that `closing` takes.
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
