// SPDX-License-Identifier: GPL-2.0
/*
 * A measurement is made in rounds, by processes that wait for their number of messages on a pipe and
 * tell when they began and ended. Rounds are repeated until their mean is known well enough. The conductor is one
 * thread; a worker is one process.
 */
#ifndef TESTS_PROGRAMS_BENCH_ROUNDS_H
#define TESTS_PROGRAMS_BENCH_ROUNDS_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmath>
#include <functional>

#include "bench_wire.h"

struct span_ns {
	std::uint64_t begin = 0, end = 0;
	bool ok = false;
};

/* What a worker does: so many messages, beginning with that number. */
using work = std::function<bool(std::uint64_t first, std::uint64_t count)>;

/*
 * Who gets the CPU. The polite do not take it from anybody when they are woken: so the cost of a stream is not that of
 * the scheduler's whims. The humble, besides, hardly get it while anybody else wants it.
 */
enum class manners { usual, polite, humble };

class crew {
public:
	/* Of the guest's time, which costs nothing while it idles. */
	static constexpr int patience_ms = 60000;

	crew() = default;
	crew(const crew &) = delete;
	~crew()
	{
		for (const worker &w : workers_) {
			::kill(w.pid, SIGKILL);
			::waitpid(w.pid, nullptr, 0);
			::close(w.orders);
			::close(w.reports);
		}
	}

	void add(const work &what, manners how = manners::usual)
	{
		int orders[2], reports[2];
		if (::pipe2(orders, O_CLOEXEC) || ::pipe2(reports, O_CLOEXEC))
			die("pipe");
		pid_t pid = ::fork();
		if (pid < 0)
			die("fork");
		if (!pid) {
			::prctl(PR_SET_PDEATHSIG, SIGKILL);
			behave(how);
			serve(what, orders[0], reports[1]);
		}
		::close(orders[0]);
		::close(reports[1]);
		workers_.push_back({pid, orders[1], reports[0]});
	}

	/* From when the first began until the last was done; the first to be told first. */
	span_ns round(std::uint64_t count)
	{
		order o{next_, count};
		next_ += count;
		span_ns all{~std::uint64_t{0}, 0, true};
		for (const worker &w : workers_)
			if (::write(w.orders, &o, sizeof(o)) != sizeof(o))
				die("a worker is gone");
		for (const worker &w : workers_) {
			span_ns s;
			pollfd p{w.reports, POLLIN, 0};
			/* it waits for what is lost */
			if (::poll(&p, 1, patience_ms) != 1)
				return {0, 0, false};
			if (::read(w.reports, &s, sizeof(s)) != sizeof(s))
				die("a worker is gone", ECHILD);
			all.begin = std::min(all.begin, s.begin);
			all.end = std::max(all.end, s.end);
			all.ok = all.ok && s.ok;
		}
		return all;
	}

private:
	struct worker {
		pid_t pid;
		int orders, reports;
	};
	struct order {
		std::uint64_t first, count;
	};

	static void behave(manners how)
	{
		sched_param none{};
		if (how != manners::usual && ::sched_setscheduler(0, SCHED_BATCH, &none))
			die("sched_setscheduler");
		if (how == manners::humble && ::setpriority(PRIO_PROCESS, 0, 19))
			die("setpriority");
	}

	[[noreturn]] static void serve(const work &what, int orders, int reports)
	{
		order o;
		while (::read(orders, &o, sizeof(o)) == sizeof(o)) {
			span_ns s;
			s.begin = now_ns();
			s.ok = what(o.first, o.count);
			s.end = now_ns();
			if (::write(reports, &s, sizeof(s)) != sizeof(s))
				break;
		}
		::_exit(0);
	}

	std::vector<worker> workers_;
	std::uint64_t next_ = 1;
};

/* ns per message in each round. */
struct measured {
	std::vector<double> rounds;
	std::uint64_t messages = 0;
	bool complete = true;

	double value() const
	{
		double sum = 0;
		for (double r : rounds)
			sum += r;
		return rounds.empty() ? 0 : sum / static_cast<double>(rounds.size());
	}

	/* Twice the standard error, as a part of the value: the difference, if there are two rounds. */
	double spread() const
	{
		auto n = static_cast<double>(rounds.size());
		double mean = value(), squares = 0;
		if (n < 2)
			return 1;
		for (double r : rounds)
			squares += (r - mean) * (r - mean);
		return 2 * std::sqrt(squares / (n - 1) / n) / mean;
	}
};

struct effort {
	std::uint64_t budget_ns = 40000000; /* of a round */
	std::uint64_t least = 12, most = 20000;
	unsigned rounds = 8;
	double precision = 0.01;
};

/* ns per message, where a round of n of the crew's carries n * per messages. */
inline measured measure(crew &c, unsigned per, const effort &e)
{
	measured m;
	auto cost = [&](std::uint64_t count) {
		span_ns s = c.round(count);
		m.complete = m.complete && s.ok;
		return static_cast<double>(s.end - s.begin) / static_cast<double>(count * per);
	};
	cost(e.least);
	double guess = cost(e.least);
	if (!m.complete)
		return m;
	m.messages = std::clamp(static_cast<std::uint64_t>(static_cast<double>(e.budget_ns) /
							   (guess * per)),
				e.least, e.most);
	cost(m.messages);
	while (m.complete && m.rounds.size() < e.rounds && m.spread() > e.precision)
		m.rounds.push_back(cost(m.messages));
	return m;
}

#endif
