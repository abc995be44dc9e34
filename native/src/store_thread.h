// The threads that talk to xenstored. Requests block, so none runs on the event loop's thread.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dl.h"
#include "xen_abi.h"

struct StoreLibrary : Library {
  StoreLibrary();
  xen::store_open* open;
  xen::store_close* close;
  xen::store_read* read;
  xen::store_write* write;
  xen::store_mkdir* mkdir;
  xen::store_rm* rm;
  xen::store_directory* directory;
  xen::store_get_permissions* getPermissions;
  xen::store_set_permissions* setPermissions;
  xen::store_transaction_start* transactionStart;
  xen::store_transaction_end* transactionEnd;
  xen::store_watch* watch;
  xen::store_unwatch* unwatch;
  xen::store_fileno* fileno;
  xen::store_check_watch* checkWatch;
};

StoreLibrary& storeLibrary();

// The result of a request: an errno, or the fields that belong to the request.
struct StoreResult {
  int error = 0;
  std::string bytes;
  std::vector<std::string> names;
  std::vector<xen::StorePermission> permissions;
  uint32_t transaction = 0;
};

// Two connections, since a library with watches reads in a thread of its own, which would delay each reply. Requests
// run in the order of their posting, and each results in one message.
class StoreThread : public std::enable_shared_from_this<StoreThread> {
 public:
  using Work = std::function<StoreResult(xs_handle*)>;
  enum class Connection { requests, watches };

  struct Message {
    uint64_t ticket;  // of the request; WATCH_EVENT if `result.names` is the path and the token of a watch that fired
    StoreResult result;
  };
  static constexpr uint64_t WATCH_EVENT = 0;

  // Starts the thread, which first connects; the result is reported under `openTicket`, and on failure the thread ends.
  // `wake` is called from a thread when there are messages, but may be omitted for results while requests are pending.
  // Returns null and sets errno if the thread can't be created.
  static std::shared_ptr<StoreThread> start(uint64_t openTicket, std::function<void()> wake);

  void post(uint64_t ticket, Work work, Connection on = Connection::requests);
  // Closes the connections and ends the threads after all earlier requests; nothing may be posted afterwards.
  void stop(uint64_t ticket);
  std::deque<Message> takeMessages();
  // `wake` is not called after this.
  void silence();

  ~StoreThread();

 private:
  struct Job {
    uint64_t ticket;
    Work work;  // empty: stop
    Connection on;
  };

  explicit StoreThread(std::function<void()> wake) : wake_(std::move(wake)) {}
  void run(uint64_t openTicket);
  void serve(xs_handle* requests, xs_handle* watches);
  void listen(xs_handle* watches);
  class Lock {
   public:
    explicit Lock(pthread_mutex_t& mutex) : mutex_(mutex) { pthread_mutex_lock(&mutex_); }
    ~Lock() { pthread_mutex_unlock(&mutex_); }
    Lock(const Lock&) = delete;

   private:
    pthread_mutex_t& mutex_;
  };

  Job nextJob();
  void answer(uint64_t ticket, StoreResult result);

  // pthread's own: std::condition_variable needs a C++ library that is newer than the oldest supported C library.
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t posted_ = PTHREAD_COND_INITIALIZER;
  std::deque<Job> jobs_;
  std::deque<Message> messages_;
  std::function<void()> wake_;
  uint64_t stopTicket_ = 0;
  std::atomic<int> lost_{0};  // the errno of the lost watch connection
  int pipe_[2] = {-1, -1};  // closing the write end stops the listening thread
};
