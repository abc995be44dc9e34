#include "loop.h"

#include <cerrno>

void enterJs(Napi::Env env, const std::function<void()>& body) {
  Napi::HandleScope scope(env);
  Napi::AsyncContext context(env, "netifspec");
  try {
    Napi::CallbackScope callbacks(env, context);
    body();
  } catch (const Napi::Error& error) {
    napi_fatal_exception(env, error.Value());
  }
}

static uv_loop_t* loopOf(Napi::Env env) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) throw Napi::Error::New(env, "this environment has no event loop");
  return loop;
}

LoopHandle* LoopHandle::poll(Napi::Env env, int fd, Callback ready, Callback closing) {
  auto* self = new LoopHandle(env, std::move(ready), std::move(closing));
  const int error = uv_poll_init(loopOf(env), &self->uv_.poll, fd);
  if (error != 0) {
    delete self;
    errno = -error;
    return nullptr;
  }
  self->register_();
  return self;
}

LoopHandle* LoopHandle::async(Napi::Env env, Callback ready, Callback closing) {
  auto* self = new LoopHandle(env, std::move(ready), std::move(closing));
  uv_async_init(loopOf(env), &self->uv_.async,
                [](uv_async_t* handle) { static_cast<LoopHandle*>(handle->data)->ready_(); });
  self->register_();
  self->keepAlive(false);
  return self;
}

void LoopHandle::register_() {
  uv_.handle.data = this;
  napi_add_async_cleanup_hook(
      env_, [](napi_async_cleanup_hook_handle, void* self) { static_cast<LoopHandle*>(self)->close(); }, this, &hook_);
}

void LoopHandle::startPolling() {
  uv_poll_start(&uv_.poll, UV_READABLE,
                [](uv_poll_t* handle, int, int) { static_cast<LoopHandle*>(handle->data)->ready_(); });
}

void LoopHandle::stopPolling() { uv_poll_stop(&uv_.poll); }

void LoopHandle::keepAlive(bool yes) {
  if (yes)
    uv_ref(&uv_.handle);
  else
    uv_unref(&uv_.handle);
}

void LoopHandle::close() {
  closing_();
  uv_close(&uv_.handle, [](uv_handle_t* handle) {
    auto* self = static_cast<LoopHandle*>(handle->data);
    napi_remove_async_cleanup_hook(self->hook_);
    delete self;
  });
}
