// SPDX-License-Identifier: GPL-2.0
/*
 * What the fuzzer's calls came to, for all threads: counts by kind and errno, oddities, and who is
 * in which call for how long. A watchdog thread wakes sleepers by a signal and gives the run up
 * when a call does not end at all. The counters are atomic; text is under a lock.
 */
#ifndef TESTS_PROGRAMS_FUZZ_JUDGE_H
#define TESTS_PROGRAMS_FUZZ_JUDGE_H

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "fuzz_fault.h"
#include "fuzz_kinds.h"
#include "tap.h"

inline long fuzz_now_ms()
{
	using namespace std::chrono;
	return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

/* One thread's present call; what it was told is readable while the call hangs. */
struct fuzz_watch {
	static constexpr long idle = 0;

	/*
	 * Of the next two lines and the order for failing allocations: a signal must not come while
	 * one may fail, its frame could not be written. So the watchdog revokes the order first.
	 */
	std::atomic_flag lock = ATOMIC_FLAG_INIT;
	std::atomic<long> since{idle};
	bool armed = false;
	std::atomic<kind> what{};
	std::atomic<pid_t> tid{0};
	char about[256] = "";

	/* Spins: who waits must not enter the kernel while an allocation is to fail. */
	template <typename F>
	void locked(F act)
	{
		while (lock.test_and_set(std::memory_order_acquire)) {
		}
		act();
		lock.clear(std::memory_order_release);
	}

	__attribute__((format(printf, 2, 3))) void say(const char *format, ...)
	{
		va_list args;
		va_start(args, format);
		std::vsnprintf(about, sizeof(about), format, args);
		va_end(args);
	}
};

class fuzz_judge {
public:
	/* A call that sleeps gets a signal after this long ... */
	static constexpr long sleep_ms = 100;
	/* ... and is a hang when that does not end it. Debug kernels on busy machines are slow. */
	static constexpr long hang_ms = 180000;

	explicit fuzz_judge(std::size_t threads) : watches_(threads) {}

	fuzz_watch &watch(std::size_t thread) { return watches_[thread]; }

	/* @faulted: an allocation or copy of this call was made to fail. */
	void note(kind k, long result, const char *about, bool faulted = false)
	{
		const kind_row &row = row_of(k);
		std::size_t i = static_cast<std::size_t>(k);
		int err = result < 0 ? static_cast<int>(-result) : 0;
		calls_[i]++;
		if (err < errno_max)
			results_[i][err]++;
		if (!err || may(row, err) || (faulted && by_fault(row, err)))
			return;
		odd(k, result_text(result).c_str(), about);
	}

	/* A call that was noted came to this, too. */
	void seen(kind k, int err = 0) { results_[static_cast<std::size_t>(k)][err]++; }

	void odd(kind k, const char *what, const char *about)
	{
		std::lock_guard hold(lock_);
		oddities_++;
		if (++shown_[static_cast<std::size_t>(k)] > shown_max)
			return;
		std::printf("# ODD %s: %s, %s\n", row_of(k).name, what, about);
		std::fflush(stdout);
	}
	/* @condition is what must hold, in words. */
	void must(bool holds, kind k, const char *condition, const char *about)
	{
		if (!holds)
			odd(k, (std::string("not true that ") + condition).c_str(), about);
	}

	std::uint64_t oddities() const { return oddities_; }
	std::uint64_t calls() const
	{
		std::uint64_t sum = 0;
		for (const auto &n : calls_)
			sum += n;
		return sum;
	}

	std::vector<std::string> missing(bool tcp, bool churn) const
	{
		std::vector<std::string> names;
		for (std::size_t i = 0; i < kinds; i++) {
			const kind_row &row = row_of(static_cast<kind>(i));
			bool needed = row.when == expected::always ||
				      (row.when == expected::tcp && tcp) ||
				      (row.when == expected::churn && churn);
			if (needed && !results_[i][row.outcome])
				names.push_back(row.name + std::string(": no ") +
						outcome_text(row.outcome));
		}
		return names;
	}

	void print() const
	{
		for (std::size_t i = 0; i < kinds; i++) {
			std::printf("# %8" PRIu64 " %-36s", calls_[i].load(),
				    row_of(static_cast<kind>(i)).name);
			for (int e = 0; e < errno_max; e++)
				if (std::uint64_t n = results_[i][e])
					std::printf(" %s:%" PRIu64, outcome_text(e).c_str(), n);
			std::printf("\n");
		}
	}

	/* Until @over: wakes sleepers; ends the program when a call hangs. */
	void keep_watch(const std::atomic<bool> &over)
	{
		while (!over) {
			std::this_thread::sleep_for(std::chrono::milliseconds(20));
			for (fuzz_watch &w : watches_)
				look_at(w);
		}
	}

private:
	static constexpr std::size_t kinds = static_cast<std::size_t>(kind::count);
	static constexpr int errno_max = 140;
	static constexpr std::uint64_t shown_max = 4;

	static std::string outcome_text(int err)
	{
		return err ? result_text(-err) : std::string("success");
	}
	static bool may(const kind_row &row, int err)
	{
		return std::find(row.errnos.begin(), row.errnos.end(), err) != row.errnos.end();
	}
	static bool by_fault(const kind_row &row, int err)
	{
		/* the kernel's configuration of networks has reasons of its own */
		return row.when == expected::churn || err == ENOMEM || err == EFAULT ||
		       err == ENFILE || err == ENOBUFS || err == EAGAIN;
	}

	void look_at(fuzz_watch &w)
	{
		w.locked([&] {
			if (w.since == fuzz_watch::idle)
				return;
			long lasts = fuzz_now_ms() - w.since;
			if (lasts > hang_ms)
				give_up(w, lasts);
			if (lasts <= sleep_ms)
				return;
			if (w.armed)
				fault_order(w.tid).set(0);
			::syscall(SYS_tgkill, ::getpid(), w.tid.load(), SIGUSR1);
		});
	}

	[[noreturn]] void give_up(const fuzz_watch &w, long lasts)
	{
		std::string task = "/proc/self/task/" + std::to_string(w.tid);
		std::printf("not ok - a call does not end: %s, %s, for %ld ms\n",
			    row_of(w.what).name, w.about, lasts);
		std::ifstream stack(task + "/stack");
		for (std::string line; std::getline(stack, line);)
			std::printf("# %s\n", line.c_str());
		std::fflush(nullptr);
		::_exit(1);
	}

	std::vector<fuzz_watch> watches_;
	std::array<std::atomic<std::uint64_t>, kinds> calls_{};
	std::array<std::array<std::atomic<std::uint64_t>, errno_max>, kinds> results_{};
	std::mutex lock_;
	std::array<std::uint64_t, kinds> shown_{};
	std::atomic<std::uint64_t> oddities_{0};
};

#endif
