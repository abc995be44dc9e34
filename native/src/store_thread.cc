#include "store_thread.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <thread>

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
  if (pipe(self->pipe_) != 0) return nullptr;
  for (const int fd : self->pipe_) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  try {
    // Detached: a thread that waits for a xenstored that doesn't answer must not keep the process from ending.
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

void StoreThread::post(uint64_t ticket, Work work) {
  std::lock_guard<std::mutex> lock(mutex_);
  jobs_.push_back({ticket, std::move(work)});
  // A full pipe has woken the thread already.
  while (write(pipe_[1], "", 1) < 0 && errno == EINTR) {
  }
}

void StoreThread::stop(uint64_t ticket) { post(ticket, nullptr); }

std::deque<StoreThread::Message> StoreThread::takeMessages() {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(messages_, {});
}

void StoreThread::silence() {
  std::lock_guard<std::mutex> lock(mutex_);
  wake_ = nullptr;
}

bool StoreThread::nextJob(Job& job) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (jobs_.empty()) return false;
  job = std::move(jobs_.front());
  jobs_.pop_front();
  return true;
}

void StoreThread::answer(uint64_t ticket, StoreResult result) {
  std::lock_guard<std::mutex> lock(mutex_);
  messages_.push_back({ticket, std::move(result)});
  if (wake_) wake_();
}

void StoreThread::run(uint64_t openTicket) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are for Node's threads
  StoreResult opened;
  xs_handle* handle = storeLibrary().open(0);
  if (!handle) opened.error = errno;
  closeXenDevicesOnExec();
  answer(openTicket, opened);
  if (handle) serve(handle);
}

void StoreThread::serve(xs_handle* handle) {
  // This descriptor tells of watch events only: the library reads the connection by a thread of its own.
  pollfd fds[] = {{pipe_[0], POLLIN, 0}, {storeLibrary().fileno(handle), POLLIN, 0}};
  for (;;) {
    if (poll(fds, 2, -1) < 0) continue;  // EINTR
    char dust[64];
    while (read(pipe_[0], dust, sizeof dust) > 0) {
    }
    Job job;
    while (nextJob(job)) {
      if (!job.work) {
        storeLibrary().close(handle);
        return answer(job.ticket, {});
      }
      answer(job.ticket, job.work(handle));
    }
    if (fds[1].revents == 0) continue;
    while (char** event = storeLibrary().checkWatch(handle)) {
      StoreResult result;
      result.names = {event[0], event[1]};
      free(event);
      answer(WATCH_EVENT, std::move(result));
    }
    // The connection is lost: the next request will say so. A negative descriptor is one that poll() passes over.
    if (errno != EAGAIN) fds[1].fd = -1;
  }
}
