#include "store_thread.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <utility>

StoreLibrary::StoreLibrary() : Library("libxenstore.so.4") {
  find(open, "xs_open");
  find(close, "xs_close");
  find(read, "xs_read");
  find(write, "xs_write");
  find(mkdir, "xs_mkdir");
  find(rm, "xs_rm");
  find(directory, "xs_directory");
  find(getPermissions, "xs_get_permissions");
  find(setPermissions, "xs_set_permissions");
  find(transactionStart, "xs_transaction_start");
  find(transactionEnd, "xs_transaction_end");
  find(watch, "xs_watch");
  find(unwatch, "xs_unwatch");
  find(fileno, "xs_fileno");
  find(checkWatch, "xs_check_watch");
}

StoreLibrary& storeLibrary() {
  static StoreLibrary instance;
  return instance;
}

std::shared_ptr<StoreThread> StoreThread::start(uint64_t openTicket, std::function<void()> wake) {
  std::shared_ptr<StoreThread> self(new StoreThread(std::move(wake)));
  if (pipe2(self->pipe_, O_CLOEXEC) != 0) return nullptr;
  try {
    // Detached: a thread that waits for a xenstored that doesn't respond must not keep the process from ending.
    std::thread([self, openTicket] { self->run(openTicket); }).detach();
  } catch (const std::system_error& error) {
    errno = error.code().value();
    return nullptr;
  }
  return self;
}

StoreThread::~StoreThread() {
  for (const int fd : pipe_)
    if (fd >= 0) close(fd);
}

void StoreThread::post(uint64_t ticket, Work work, Connection on) {
  const Lock lock(mutex_);
  jobs_.push_back({ticket, std::move(work), on});
  pthread_cond_signal(&posted_);
}

void StoreThread::stop(uint64_t ticket) { post(ticket, nullptr); }

std::deque<StoreThread::Message> StoreThread::takeMessages() {
  const Lock lock(mutex_);
  return std::exchange(messages_, {});
}

void StoreThread::silence() {
  const Lock lock(mutex_);
  wake_ = nullptr;
}

StoreThread::Job StoreThread::nextJob() {
  const Lock lock(mutex_);
  while (jobs_.empty()) pthread_cond_wait(&posted_, &mutex_);
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

// A caller with several requests waits for all of them, and a turn of the event loop costs more than a request: so
// results wake it only when no request is left. A watch event always wakes it.
void StoreThread::answer(uint64_t ticket, StoreResult result) {
  const Lock lock(mutex_);
  messages_.push_back({ticket, std::move(result)});
  if (wake_ && (jobs_.empty() || ticket == WATCH_EVENT)) wake_();
}

void StoreThread::run(uint64_t openTicket) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals must go to Node's threads
  StoreResult opened;
  xs_handle* requests = storeLibrary().open(0);
  xs_handle* watches = requests ? storeLibrary().open(0) : nullptr;
  std::thread listener;
  if (watches) {
    try {
      listener = std::thread([this, watches] { listen(watches); });
    } catch (const std::system_error& error) {
      opened.error = error.code().value();
    }
  } else {
    opened.error = errno != 0 ? errno : EIO;
  }
  closeXenDevicesOnExec();
  answer(openTicket, opened);
  if (listener.joinable()) serve(requests, watches);
  close(std::exchange(pipe_[1], -1));
  if (listener.joinable()) listener.join();
  if (watches) storeLibrary().close(watches);
  if (requests) storeLibrary().close(requests);
  if (opened.error == 0) answer(stopTicket_, {});
}

// Runs requests until it is stopped.
void StoreThread::serve(xs_handle* requests, xs_handle* watches) {
  for (;;) {
    const Job job = nextJob();
    if (!job.work) {
      stopTicket_ = job.ticket;
      return;
    }
    StoreResult lost;
    lost.error = lost_;
    answer(job.ticket, lost_ != 0 ? lost : job.work(job.on == Connection::watches ? watches : requests));
  }
}

void StoreThread::listen(xs_handle* watches) {
  // This descriptor signals only watch events: a thread of the library reads the connection.
  pollfd fds[] = {{pipe_[0], POLLIN, 0}, {storeLibrary().fileno(watches), POLLIN, 0}};
  for (;;) {
    if (poll(fds, 2, -1) < 0) continue;  // EINTR
    if (fds[0].revents != 0) return;
    while (char** event = storeLibrary().checkWatch(watches)) {
      StoreResult result;
      result.names = {event[0], event[1]};
      free(event);
      answer(WATCH_EVENT, std::move(result));
    }
    if (errno == EAGAIN) continue;
    // The connection is lost and no watch would fire again, so every later request fails. poll() ignores a negative
    // descriptor.
    lost_ = errno != 0 ? errno : EIO;
    fds[1].fd = -1;
  }
}
