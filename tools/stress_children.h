// SPDX-License-Identifier: GPL-2.0
/*
 * The processes of rds-stress: one for each task, and with -c one idle loop for each CPU. Owns
 * them: they are gone when this is. Called by stress_run.h, which must have SIGCHLD blocked and
 * looks at it by signalfd. Parent and children share only the counters and two pipes.
 */
#ifndef RDS_TOOLS_STRESS_CHILDREN_H
#define RDS_TOOLS_STRESS_CHILDREN_H

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "stress_stats.h"
#include "stress_task.h"
#include "unique_fd.h"

namespace rds_tools::stress {

/* An array that a fork does not copy. */
template <typename T>
class shared_array {
public:
	explicit shared_array(std::size_t count) : count_(count)
	{
		void *memory = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED)
			throw failure("no memory to share with the tasks");
		first_ = static_cast<T *>(memory);
		std::uninitialized_value_construct_n(first_, count_);
	}
	shared_array(const shared_array &) = delete;
	shared_array &operator=(const shared_array &) = delete;
	~shared_array() { ::munmap(first_, bytes()); }

	std::span<T> all() const { return {first_, count_}; }

private:
	std::size_t bytes() const { return std::max<std::size_t>(1, count_) * sizeof(T); }

	std::size_t count_;
	T *first_;
};

struct pipe_ends {
	unique_fd read, write;

	pipe_ends()
	{
		int fds[2];
		if (::pipe(fds))
			throw failure("pipe");
		read = unique_fd(fds[0]);
		write = unique_fd(fds[1]);
	}
};

/* Children that run body(number); killed and waited for at the end. */
class children {
public:
	children() = default;
	children(const children &) = delete;
	children &operator=(const children &) = delete;
	~children() { end(); }

	void start(std::uint32_t number, const std::function<void()> &body)
	{
		pid_t parent = ::getpid();

		std::fflush(nullptr);
		pid_t pid = ::fork();
		if (pid < 0)
			throw failure("fork");
		if (pid) {
			pids_.push_back(pid);
			return;
		}
		/* The terminal's interrupt is for the parent, which ends us. */
		::signal(SIGINT, SIG_IGN);
		sigset_t none;
		::sigemptyset(&none);
		::sigprocmask(SIG_SETMASK, &none, nullptr);
		::prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (::getppid() != parent)
			::_exit(1);
		try {
			body();
			::_exit(0);
		} catch (const std::exception &e) {
			std::fprintf(stderr, "rds-stress: task %u: %s\n", number, e.what());
		}
		::_exit(1);
	}

	/* A child that ended by itself: nothing of ours does. */
	bool one_has_ended()
	{
		for (pid_t &pid : pids_) {
			int status;
			if (::waitpid(pid, &status, WNOHANG) != pid)
				continue;
			pid = pids_.back();
			pids_.pop_back();
			return true;
		}
		return false;
	}

	void end()
	{
		for (pid_t pid : pids_)
			::kill(pid, SIGTERM);
		for (pid_t pid : pids_)
			while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
			}
		pids_.clear();
	}

private:
	std::vector<pid_t> pids_;
};

/*
 * How busy the CPUs are, by how slowly loops go on that nobody else leaves time for. What a loop
 * does in the quiet second before the start is taken for an idle CPU.
 */
class cpu_meter {
public:
	cpu_meter()
	    : loops_(static_cast<std::size_t>(std::max(1l, ::sysconf(_SC_NPROCESSORS_ONLN))))
	{
		std::uint32_t number = 0;
		for (auto &loop : loops_.all())
			children_.start(number++, [&loop] { spin(loop); });
		look_ = read();
	}

	/* The rate since the last look is that of idle CPUs. */
	void calibrate() { idle_rate_ = rate(); }

	double percent_busy()
	{
		double free = idle_rate_ > 0 ? rate() / idle_rate_ : 1;
		return std::clamp(100 * (1 - free), 0.0, 100.0);
	}

	bool one_has_ended() { return children_.one_has_ended(); }

private:
	using number = std::atomic<std::uint64_t>;
	struct look {
		steady::time_point when;
		std::uint64_t turns;
	};

	[[noreturn]] static void spin(number &turns)
	{
		sched_param none{};
		if (::sched_setscheduler(0, SCHED_IDLE, &none))
			throw failure("SCHED_IDLE");
		for (;;) {
			for (int i = 0; i < 1000; i++)
				asm volatile("");
			turns.fetch_add(1, std::memory_order_relaxed);
		}
	}

	look read() const
	{
		look out{steady::now(), 0};
		for (auto &loop : loops_.all())
			out.turns += loop.load(std::memory_order_relaxed);
		return out;
	}

	double rate()
	{
		auto now = read();
		double seconds = std::chrono::duration<double>(now.when - look_.when).count();
		double turns = static_cast<double>(now.turns - look_.turns);
		look_ = now;
		return ratio(turns, seconds);
	}

	shared_array<number> loops_;
	children children_;
	look look_{};
	double idle_rate_ = 0;
};

/* All tasks of this side. They set up at once, and run when they are told. */
class task_group {
public:
	task_group(const shared_options &opt, const task_place &place, bool realtime)
	    : counters_(opt.tasks)
	{
		for (std::uint32_t i = 0; i < opt.tasks; i++) {
			task_place mine = place;
			mine.number = i;
			children_.start(i, [&, mine] { run_one(opt, mine, realtime); });
		}
		/* who is not there any more must not look as if he could still write */
		ready_.write = unique_fd();
		start_.read = unique_fd();
	}

	/* Readable whenever one more task has become ready. */
	int ready_fd() const { return ready_.read.get(); }
	/* After ready_fd() was readable: are all of them? */
	bool all_ready()
	{
		char bytes[64];
		ssize_t n = ::read(ready_.read.get(), bytes, sizeof(bytes));
		if (n > 0)
			ready_count_ += static_cast<std::size_t>(n);
		return ready_count_ == counters_.all().size();
	}

	void release()
	{
		std::vector<char> bytes(counters_.all().size());
		for (std::size_t at = 0; at < bytes.size();) {
			ssize_t n = ::write(start_.write.get(), bytes.data() + at,
					    bytes.size() - at);
			if (n <= 0)
				throw failure("cannot start the tasks");
			at += static_cast<std::size_t>(n);
		}
	}

	std::vector<totals> read() const
	{
		std::vector<totals> out;
		for (const auto &task : counters_.all())
			out.push_back(totals::of(task));
		return out;
	}

	bool one_has_ended() { return children_.one_has_ended(); }
	void end() { children_.end(); }

private:
	void run_one(const shared_options &opt, const task_place &place, bool realtime)
	{
		sched_param first{.sched_priority = 1};
		if (realtime && ::sched_setscheduler(0, SCHED_RR, &first))
			throw failure("SCHED_RR");
		task me(opt, place, counters_.all()[place.number]);

		char byte = 0;
		start_.write = unique_fd();
		if (::write(ready_.write.get(), &byte, 1) != 1)
			throw failure("the parent is gone");
		if (::read(start_.read.get(), &byte, 1) != 1)
			::_exit(1); /* the parent has ended, and said why */
		me.run();
	}

	shared_array<task_counters> counters_;
	pipe_ends ready_, start_;
	std::size_t ready_count_ = 0;
	children children_; /* the first to go */
};

} // namespace rds_tools::stress

#endif
