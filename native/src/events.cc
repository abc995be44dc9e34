// Event channels of one open /dev/xen/evtchn.
#include "events.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <utility>

#include "addon.h"
#include "args.h"
#include "counts.h"
#include "dl.h"
#include "error.h"
#include "loop.h"

namespace {

struct EventLibrary : Library {
  EventLibrary() : Library("libxenevtchn.so.1") {
    find(open, "xenevtchn_open");
    find(close, "xenevtchn_close");
    find(fd, "xenevtchn_fd");
    find(notify, "xenevtchn_notify");
    find(bindUnbound, "xenevtchn_bind_unbound_port");
    find(bindInterdomain, "xenevtchn_bind_interdomain");
    find(unbind, "xenevtchn_unbind");
    find(unmask, "xenevtchn_unmask");
  }
  xen::evtchn_open* open;
  xen::evtchn_close* close;
  xen::evtchn_fd* fd;
  xen::evtchn_notify* notify;
  xen::evtchn_bind_unbound_port* bindUnbound;
  xen::evtchn_bind_interdomain* bindInterdomain;
  xen::evtchn_unbind* unbind;
  xen::evtchn_unmask* unmask;
};

EventLibrary& library() {
  static EventLibrary instance;
  return instance;
}

class Events : public Napi::ObjectWrap<Events> {
 public:
  explicit Events(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    library().require(info.Env());
    handle_ = library().open(quietLogger(), 0);
    if (!handle_) throw errnoError(info.Env(), errno, "opening /dev/xen/evtchn");
    const int fd = library().fd(handle_);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) {
      const int error = errno;
      release();
      throw errnoError(info.Env(), error, "making /dev/xen/evtchn nonblocking");
    }
    closeXenDevicesOnExec();
  }

  ~Events() override { release(); }

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Events",
                       {
                           InstanceMethod<&Events::bindUnbound>("bindUnbound"),
                           InstanceMethod<&Events::bindInterdomain>("bindInterdomain"),
                           InstanceMethod<&Events::unbind>("unbind"),
                           InstanceMethod<&Events::notify>("notify"),
                           InstanceMethod<&Events::take>("take"),
                           InstanceMethod<&Events::unmask>("unmask"),
                           InstanceMethod<&Events::listen>("listen"),
                           InstanceMethod<&Events::close>("close"),
                       });
  }

 private:
  Napi::Value bindUnbound(const Napi::CallbackInfo& info) {
    const uint32_t remote = uint32Arg(info, 0, "remote", MAX_DOMID);
    const int port = library().bindUnbound(opened(info.Env()), remote);
    return added(info.Env(), port, "binding a port for domain " + std::to_string(remote));
  }

  Napi::Value bindInterdomain(const Napi::CallbackInfo& info) {
    const uint32_t remote = uint32Arg(info, 0, "remote", MAX_DOMID), remotePort = uint32Arg(info, 1, "remotePort");
    const int port = library().bindInterdomain(opened(info.Env()), remote, remotePort);
    return added(info.Env(), port,
                 "binding to port " + std::to_string(remotePort) + " of domain " + std::to_string(remote));
  }

  Napi::Value added(Napi::Env env, int port, const std::string& what) {
    if (port < 0) throw errnoError(env, errno, what);
    ports_.insert(static_cast<uint32_t>(port));
    live.ports++;
    return Napi::Number::New(env, port);
  }

  void unbind(const Napi::CallbackInfo& info) {
    const uint32_t port = uint32Arg(info, 0, "port");
    if (library().unbind(opened(info.Env()), port) != 0) fail(info.Env(), "unbinding", port);
    live.ports -= static_cast<int>(ports_.erase(port));
  }

  void notify(const Napi::CallbackInfo& info) {
    const uint32_t port = uint32Arg(info, 0, "port");
    if (library().notify(opened(info.Env()), port) != 0) fail(info.Env(), "notifying", port);
  }

  void unmask(const Napi::CallbackInfo& info) {
    const uint32_t port = uint32Arg(info, 0, "port");
    opened(info.Env());
    // The kernel silently accepts an unmask of a port that isn't ours.
    if (ports_.count(port) == 0) {
      errno = ENOTCONN;
      fail(info.Env(), "unmasking", port);
    }
    if (library().unmask(handle_, port) != 0) fail(info.Env(), "unmasking", port);
  }

  // take(): the ports that fired, each masked by this call. It ends because a port can't fire again before its unmask.
  Napi::Value take(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    auto taken = Napi::Array::New(env);
    uint32_t count = 0;
    // Reads many ports at once; xenevtchn_pending would read the device once per port and once more to find no other.
    const int fd = library().fd(opened(env));
    uint32_t fired[64];
    for (ssize_t length = sizeof fired; length == sizeof fired;) {
      do length = read(fd, fired, sizeof fired);
      while (length < 0 && errno == EINTR);
      if (length < 0 && errno != EAGAIN) throw errnoError(env, errno, "reading /dev/xen/evtchn");
      for (ssize_t i = 0; i < length / static_cast<ssize_t>(sizeof *fired); i++)
        // The kernel's queue may hold an event of a port that has been unbound.
        if (ports_.count(fired[i]) > 0) taken[count++] = Napi::Number::New(env, fired[i]);
    }
    told_ = false;
    if (poll_ && std::exchange(stopped_, false)) poll_->startPolling();
    return taken;
  }

  // listen(listener): called once when take() has a port to return, and again only after a take().
  void listen(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const auto listener = functionArg(info, 0, "listener");
    const int fd = library().fd(opened(env));
    if (!poll_) {
      poll_ = LoopHandle::poll(env, fd, [this] { ready(); }, [this] { closing(); });
      if (!poll_) throw errnoError(env, errno, "polling /dev/xen/evtchn");
      Ref();  // the object must stay alive until it is closed
    }
    listener_ = Napi::Persistent(listener);
    told_ = stopped_ = false;
    poll_->startPolling();
  }

  // Polling continues: stopping and starting it for each event would cost more than the event.
  void ready() {
    if (told_) {
      stopped_ = true;
      return poll_->stopPolling();
    }
    told_ = true;
    enterJs(Env(), [this] { listener_.Call({}); });
  }

  void closing() {
    poll_ = nullptr;
    listener_.Reset();
    Unref();
  }

  void close(const Napi::CallbackInfo&) { release(); }

  void release() {
    if (poll_) poll_->close();
    if (!handle_) return;
    library().close(handle_);  // unbinds every port
    handle_ = nullptr;
    live.ports -= static_cast<int>(ports_.size());
    ports_.clear();
  }

  xenevtchn_handle* opened(Napi::Env env) const {
    if (!handle_) throw errnoError(env, EBADF, "the event channels are closed");
    return handle_;
  }

  [[noreturn]] static void fail(Napi::Env env, const char* doing, uint32_t port) {
    throw errnoError(env, errno, std::string(doing) + " port " + std::to_string(port));
  }

  xenevtchn_handle* handle_ = nullptr;
  std::set<uint32_t> ports_;
  LoopHandle* poll_ = nullptr;
  bool told_ = false, stopped_ = false;  // listener called since the last take(); polling stopped
  Napi::FunctionReference listener_;
};

}  // namespace

Napi::Function defineEvents(Napi::Env env) { return Events::define(env); }
std::string eventLibraryProblem() { return library().problem(); }
