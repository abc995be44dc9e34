// A TAP device inside a network namespace, whose frames carry the virtio-net header (checksum and GSO fields).
#include "tap.h"

#include <fcntl.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <sys/ioctl.h>
#endif

#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "addon.h"
#include "args.h"
#include "counts.h"
#include "error.h"
#include "loop.h"

namespace {

struct Failure {
  int error;
  std::string what;
};

#ifdef __linux__
// Opens the device in the namespace of the thread that calls it.
int openHere(const std::string& name, int headerSize, unsigned offload, Failure& failure) {
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) {
    failure = {errno, "opening /dev/net/tun"};
    return -1;
  }
  ifreq request{};
  memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (ioctl(fd, TUNSETIFF, &request) != 0)
    failure = {errno, "creating " + name};
  else if (ioctl(fd, TUNSETVNETHDRSZ, &headerSize) != 0)
    failure = {errno, "setting the header size of " + name};
  else if (ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(offload)) != 0)
    failure = {errno, "setting the offloads of " + name};
  else
    return fd;
  close(fd);
  return -1;
}

// A thread can enter another network namespace on its own, so a temporary one does: nothing has to be restored.
int openTap(const std::string& name, const std::string& netns, int headerSize, unsigned offload, Failure& failure) {
  if (netns.empty()) return openHere(name, headerSize, offload, failure);
  int fd = -1;
  std::thread([&] {
    const std::string path = "/var/run/netns/" + netns;
    const int space = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (space < 0) {
      failure = {errno, "opening " + path};
      return;
    }
    if (setns(space, CLONE_NEWNET) != 0)
      failure = {errno, "entering network namespace " + netns};
    else
      fd = openHere(name, headerSize, offload, failure);
    close(space);
  }).join();
  return fd;
}
constexpr size_t NAME_BYTES = IFNAMSIZ;
constexpr unsigned CHECKSUM = TUN_F_CSUM, TSO4 = TUN_F_TSO4, TSO6 = TUN_F_TSO6;
#else
int openTap(const std::string&, const std::string&, int, unsigned, Failure& failure) {
  failure = {ENOTSUP, "creating a TAP device (only Linux has the header that it needs)"};
  return -1;
}
constexpr size_t NAME_BYTES = 16;
constexpr unsigned CHECKSUM = 0, TSO4 = 0, TSO6 = 0;
#endif

bool option(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (!value.IsBoolean()) throw Napi::TypeError::New(options.Env(), std::string(name) + " must be a boolean");
  return value.As<Napi::Boolean>();
}

class Tap : public Napi::ObjectWrap<Tap> {
 public:
  // new Tap(name, netns ('' for the current one), {headerSize, checksum, tso4, tso6})
  explicit Tap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    const Napi::Env env = info.Env();
    const auto name = stringArg(info, 0, "name"), netns = stringArg(info, 1, "netns");
    if (name.empty() || name.size() >= NAME_BYTES)
      throw Napi::TypeError::New(env, "name must have 1 to " + std::to_string(NAME_BYTES - 1) + " bytes");
    if (netns == "." || netns == ".." || netns.find('/') != std::string::npos)
      throw Napi::TypeError::New(env, "netns must be a name, not a path");
    if (!info[2].IsObject()) throw Napi::TypeError::New(env, "options must be an object");
    const auto options = info[2].As<Napi::Object>();
    headerSize_ = uint32Of(options.Get("headerSize"), "headerSize");
    if (headerSize_ != 10 && headerSize_ != 12) throw Napi::TypeError::New(env, "headerSize must be 10 or 12");
    const unsigned offload = (option(options, "checksum") ? CHECKSUM : 0) | (option(options, "tso4") ? TSO4 : 0) |
                             (option(options, "tso6") ? TSO6 : 0);
    Failure failure;
    fd_ = openTap(name, netns, static_cast<int>(headerSize_), offload, failure);
    if (fd_ < 0) throw errnoError(env, failure.error, failure.what);
    name_ = name;
    live.taps++;
  }

  ~Tap() override { release(); }

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Tap",
                       {
                           InstanceMethod<&Tap::listen>("listen"),
                           InstanceMethod<&Tap::write>("write"),
                           InstanceMethod<&Tap::close>("close"),
                       });
  }

 private:
  // listen(listener): called as listener(undefined, frame) for each frame, header first, and as listener(error) once
  // if the device is gone.
  void listen(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    check(env);
    const auto listener = functionArg(info, 0, "listener");
    if (!poll_) {
      poll_ = LoopHandle::poll(env, fd_, [this] { ready(); }, [this] { closing(); });
      if (!poll_) throw errnoError(env, errno, "polling " + name_);
      Ref();
    }
    listener_ = Napi::Persistent(listener);
    poll_->startPolling();
  }

  // write(frame): false if the device has no room at the moment.
  Napi::Value write(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    check(env);
    const auto frame = bytesOf(info[0], "frame");
    const ssize_t written = ::write(fd_, frame.Data(), frame.ByteLength());
    if (written < 0 && errno == EAGAIN) return Napi::Boolean::New(env, false);
    if (written < 0) throw errnoError(env, errno, "writing to " + name_);
    return Napi::Boolean::New(env, true);
  }

  void ready() {
    // Limits the frames per turn, so that a flood doesn't starve the rest of the event loop.
    for (int i = 0; i < 64 && poll_; i++) {
      const ssize_t length = read(fd_, buffer_.data(), buffer_.size());
      if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
      const int error = errno;
      if (length <= 0) poll_->stopPolling();
      enterJs(Env(), [&] {
        const Napi::Env env = Env();
        if (length > 0) {
          const auto frame = Napi::Buffer<uint8_t>::Copy(env, buffer_.data(), static_cast<size_t>(length));
          listener_.Call({env.Undefined(), frame});
        } else {
          listener_.Call({errnoError(env, length < 0 ? error : ENODEV, "reading from " + name_).Value()});
        }
      });
      if (length <= 0) return;
    }
  }

  void closing() {
    poll_ = nullptr;
    listener_.Reset();
    Unref();
  }

  void close(const Napi::CallbackInfo&) { release(); }

  void release() {
    if (poll_) poll_->close();
    if (fd_ < 0) return;
    ::close(fd_);  // removes the device
    fd_ = -1;
    live.taps--;
  }

  void check(Napi::Env env) const {
    if (fd_ < 0) throw errnoError(env, EBADF, name_ + " is closed");
  }

  int fd_ = -1;
  std::string name_;
  uint32_t headerSize_ = 0;
  // The largest GSO frame and its header.
  std::vector<uint8_t> buffer_ = std::vector<uint8_t>(65536 + 64);
  LoopHandle* poll_ = nullptr;
  Napi::FunctionReference listener_;
};

}  // namespace

Napi::Function defineTap(Napi::Env env) { return Tap::define(env); }
