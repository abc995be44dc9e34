// A client of xenstored for JavaScript: every method returns a promise.
#include "store.h"

#include <cerrno>
#include <cstdlib>
#include <unordered_map>

#include "addon.h"
#include "args.h"
#include "counts.h"
#include "error.h"
#include "loop.h"
#include "store_thread.h"

namespace {

StoreResult yesOrErrno(bool yes) {
  StoreResult result;
  if (!yes) result.error = errno;
  return result;
}

Napi::Value nothing(Napi::Env env, const StoreResult&) { return env.Undefined(); }
Napi::Value bytes(Napi::Env env, const StoreResult& result) {
  return Napi::Buffer<char>::Copy(env, result.bytes.data(), result.bytes.size());
}
Napi::Value transaction(Napi::Env env, const StoreResult& result) { return Napi::Number::New(env, result.transaction); }
Napi::Value names(Napi::Env env, const StoreResult& result) {
  auto list = Napi::Array::New(env, result.names.size());
  for (uint32_t i = 0; i < result.names.size(); i++) list[i] = Napi::String::New(env, result.names[i]);
  return list;
}
Napi::Value permissions(Napi::Env env, const StoreResult& result) {
  auto list = Napi::Array::New(env, result.permissions.size());
  for (uint32_t i = 0; i < result.permissions.size(); i++) {
    auto entry = Napi::Object::New(env);
    entry.Set("domain", Napi::Number::New(env, result.permissions[i].id));
    entry.Set("bits", Napi::Number::New(env, result.permissions[i].perms & (xen::XS_PERM_READ | xen::XS_PERM_WRITE)));
    list[i] = entry;
  }
  return list;
}

class Store : public Napi::ObjectWrap<Store> {
 public:
  // new Store(onWatch, key): only openStore has the key.
  explicit Store(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    if (!info[1].IsExternal()) throw Napi::TypeError::New(info.Env(), "a store is opened by openStore");
    storeLibrary().require(info.Env());
    onWatch_ = Napi::Persistent(functionArg(info, 0, "onWatch"));
    async_ = LoopHandle::async(info.Env(), [this] { receive(); }, [this] { closing(); });
    thread_ = StoreThread::start(OPEN_TICKET, [async = async_] { async->wake(); });
    if (!thread_) {
      const int error = errno;
      async_->close();
      throw errnoError(info.Env(), error, "starting the thread of xenstore");
    }
    live.stores++;
  }

  ~Store() override {
    if (async_) async_->close();
  }

  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Store",
                       {
                           InstanceMethod<&Store::read>("read"),
                           InstanceMethod<&Store::write>("write"),
                           InstanceMethod<&Store::mkdir>("mkdir"),
                           InstanceMethod<&Store::remove>("remove"),
                           InstanceMethod<&Store::directory>("directory"),
                           InstanceMethod<&Store::getPermissions>("getPermissions"),
                           InstanceMethod<&Store::setPermissions>("setPermissions"),
                           InstanceMethod<&Store::transactionStart>("transactionStart"),
                           InstanceMethod<&Store::transactionEnd>("transactionEnd"),
                           InstanceMethod<&Store::watch>("watch"),
                           InstanceMethod<&Store::unwatch>("unwatch"),
                           InstanceMethod<&Store::close>("close"),
                       });
  }

  // Resolves to this store when it is connected; only then does JavaScript get the object.
  Napi::Promise connected() { return expect(OPEN_TICKET, "connecting to xenstored", nullptr); }

 private:
  static constexpr uint64_t OPEN_TICKET = StoreThread::WATCH_EVENT + 1;
  static constexpr auto WATCHES = StoreThread::Connection::watches;
  using Convert = Napi::Value (*)(Napi::Env, const StoreResult&);

  struct Pending {
    Napi::Promise::Deferred deferred;
    std::string what;
    Convert convert;  // null: the store itself
    int watches;      // change of the number of watches on success
  };

  Napi::Value read(const Napi::CallbackInfo& info) {
    const auto [t, path] = place(info);
    return request(info.Env(), "reading " + path, bytes, [t = t, path = path](xs_handle* handle) {
      StoreResult result;
      unsigned int length = 0;
      void* value = storeLibrary().read(handle, t, path.c_str(), &length);
      if (!value) return yesOrErrno(false);
      result.bytes.assign(static_cast<char*>(value), length);
      free(value);
      return result;
    });
  }

  Napi::Value write(const Napi::CallbackInfo& info) {
    const auto [t, path] = place(info);
    const auto value = bytesOf(info[2], "value");
    std::string copy(reinterpret_cast<const char*>(value.Data()), value.ByteLength());
    return request(info.Env(), "writing " + path, nothing,
                   [t = t, path = path, copy = std::move(copy)](xs_handle* handle) {
      return yesOrErrno(
          storeLibrary().write(handle, t, path.c_str(), copy.data(), static_cast<unsigned int>(copy.size())));
    });
  }

  Napi::Value mkdir(const Napi::CallbackInfo& info) {
    const auto [t, path] = place(info);
    return request(info.Env(), "making " + path, nothing, [t = t, path = path](xs_handle* handle) {
      return yesOrErrno(storeLibrary().mkdir(handle, t, path.c_str()));
    });
  }

  Napi::Value remove(const Napi::CallbackInfo& info) {
    const auto [t, path] = place(info);
    return request(info.Env(), "removing " + path, nothing, [t = t, path = path](xs_handle* handle) {
      return yesOrErrno(storeLibrary().rm(handle, t, path.c_str()));
    });
  }

  Napi::Value directory(const Napi::CallbackInfo& info) {
    const auto [t, path] = place(info);
    return request(info.Env(), "listing " + path, names, [t = t, path = path](xs_handle* handle) {
      StoreResult result;
      unsigned int count = 0;
      char** list = storeLibrary().directory(handle, t, path.c_str(), &count);
      if (!list) return yesOrErrno(false);
      result.names.assign(list, list + count);
      free(list);
      return result;
    });
  }

  Napi::Value getPermissions(const Napi::CallbackInfo& info) {
    const auto [t, path] = place(info);
    return request(info.Env(), "reading the permissions of " + path, permissions,
                   [t = t, path = path](xs_handle* handle) {
      StoreResult result;
      unsigned int count = 0;
      auto* list = storeLibrary().getPermissions(handle, t, path.c_str(), &count);
      if (!list) return yesOrErrno(false);
      result.permissions.assign(list, list + count);
      free(list);
      return result;
    });
  }

  Napi::Value setPermissions(const Napi::CallbackInfo& info) {
    const auto [t, path] = place(info);
    if (!info[2].IsArray()) throw Napi::TypeError::New(info.Env(), "permissions must be an array");
    const auto list = info[2].As<Napi::Array>();
    std::vector<xen::StorePermission> wanted(list.Length());
    for (uint32_t i = 0; i < wanted.size(); i++) {
      const auto entry = Napi::Value(list.Get(i)).ToObject();
      wanted[i].id = uint32Of(entry.Get("domain"), "domain", UINT16_MAX);
      wanted[i].perms = uint32Of(entry.Get("bits"), "bits", xen::XS_PERM_READ | xen::XS_PERM_WRITE);
    }
    return request(info.Env(), "setting the permissions of " + path, nothing,
                   [t = t, path = path, wanted = std::move(wanted)](xs_handle* handle) mutable {
                     return yesOrErrno(storeLibrary().setPermissions(handle, t, path.c_str(), wanted.data(),
                                                                     static_cast<unsigned int>(wanted.size())));
                   });
  }

  Napi::Value transactionStart(const Napi::CallbackInfo& info) {
    return request(info.Env(), "starting a transaction", transaction, [](xs_handle* handle) {
      const uint32_t id = storeLibrary().transactionStart(handle);
      auto result = yesOrErrno(id != 0);
      result.transaction = id;
      return result;
    });
  }

  Napi::Value transactionEnd(const Napi::CallbackInfo& info) {
    const uint32_t t = uint32Arg(info, 0, "transaction");
    const bool abort = boolArg(info, 1, "abort");
    return request(info.Env(), "ending a transaction", nothing, [t, abort](xs_handle* handle) {
      return yesOrErrno(storeLibrary().transactionEnd(handle, t, abort));
    });
  }

  Napi::Value watch(const Napi::CallbackInfo& info) {
    auto path = stringArg(info, 0, "path"), token = stringArg(info, 1, "token");
    const auto work = [path, token](xs_handle* handle) {
      return yesOrErrno(storeLibrary().watch(handle, path.c_str(), token.c_str()));
    };
    return request(info.Env(), "watching " + path, nothing, work, WATCHES, 1);
  }

  Napi::Value unwatch(const Napi::CallbackInfo& info) {
    auto path = stringArg(info, 0, "path"), token = stringArg(info, 1, "token");
    const auto work = [path, token](xs_handle* handle) {
      return yesOrErrno(storeLibrary().unwatch(handle, path.c_str(), token.c_str()));
    };
    return request(info.Env(), "ending the watch of " + path, nothing, work, WATCHES, -1);
  }

  // close(): after all earlier requests. A second close does nothing and resolves at once.
  Napi::Value close(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (stopped_) {
      auto deferred = Napi::Promise::Deferred::New(env);
      deferred.Resolve(env.Undefined());
      return deferred.Promise();
    }
    const auto promise = expect(++lastTicket_, "closing xenstore", nothing);
    stopped_ = true;
    stopTicket_ = lastTicket_;
    thread_->stop(stopTicket_);
    return promise;
  }

  // (transaction, path, …): transaction 0 means no transaction.
  static std::pair<uint32_t, std::string> place(const Napi::CallbackInfo& info) {
    return {uint32Arg(info, 0, "transaction"), stringArg(info, 1, "path")};
  }

  Napi::Promise request(Napi::Env env, std::string what, Convert convert, StoreThread::Work work,
                        StoreThread::Connection on = StoreThread::Connection::requests, int watches = 0) {
    if (stopped_) {
      auto deferred = Napi::Promise::Deferred::New(env);
      deferred.Reject(errnoError(env, EBADF, what + " after the close").Value());
      return deferred.Promise();
    }
    // In this order: an environment that is being ended makes no promise, and then nobody waits for a result.
    const auto promise = expect(++lastTicket_, std::move(what), convert, watches);
    thread_->post(lastTicket_, std::move(work), on);
    return promise;
  }

  Napi::Promise expect(uint64_t ticket, std::string what, Convert convert, int watches = 0) {
    auto deferred = Napi::Promise::Deferred::New(Env());
    pending_.emplace(ticket, Pending{deferred, std::move(what), convert, watches});
    updateBusy();
    return deferred.Promise();
  }

  void receive() {
    for (auto& message : thread_->takeMessages()) {
      if (!async_) return;  // closed by an earlier message, or the environment ended in a callback
      enterJs(Env(), [&] { deliver(message); });
    }
    updateBusy();
  }

  void deliver(const StoreThread::Message& message) {
    const Napi::Env env = Env();
    const auto& result = message.result;
    if (message.ticket == StoreThread::WATCH_EVENT) {
      if (!stopped_) onWatch_.Call({Napi::String::New(env, result.names[0]), Napi::String::New(env, result.names[1])});
      return;
    }
    // In both cases the thread has ended, and this was its last message.
    if (message.ticket == stopTicket_ || (message.ticket == OPEN_TICKET && result.error != 0)) async_->close();
    const auto pending = pending_.find(message.ticket);
    if (pending == pending_.end()) return;  // its promise could not be made
    Pending request = std::move(pending->second);
    pending_.erase(pending);
    if (result.error != 0) return request.deferred.Reject(errnoError(env, result.error, request.what).Value());
    watches_ += request.watches;
    request.deferred.Resolve(request.convert ? request.convert(env, result) : Value());
  }

  // Requests and watches keep both the object and the process alive; an idle store keeps neither.
  void updateBusy() {
    const bool busy = !pending_.empty() || watches_ > 0;
    if (busy == busy_ || !async_) return;
    busy_ = busy;
    async_->keepAlive(busy);
    if (busy)
      Ref();
    else
      Unref();
  }

  // The handle closes: after close(), or at the end of the object or the environment.
  void closing() {
    async_ = nullptr;
    if (!thread_) return;
    thread_->silence();
    if (!stopped_) thread_->stop(++lastTicket_);
    stopped_ = true;
    live.stores--;
    if (std::exchange(busy_, false)) Unref();
  }

  LoopHandle* async_ = nullptr;
  std::shared_ptr<StoreThread> thread_;
  Napi::FunctionReference onWatch_;
  std::unordered_map<uint64_t, Pending> pending_;
  uint64_t lastTicket_ = OPEN_TICKET;
  uint64_t stopTicket_ = 0;
  int watches_ = 0;
  bool busy_ = false;
  bool stopped_ = false;
};

}  // namespace

Napi::Function defineStore(Napi::Env env) { return Store::define(env); }

Napi::Value openStore(const Napi::CallbackInfo& info) {
  static char key;
  const auto object = classesOf(info.Env()).store.New({info[0], Napi::External<char>::New(info.Env(), &key)});
  return Store::Unwrap(object)->connected();
}
