// SPDX-License-Identifier: GPL-2.0
/*
 * A measurement is made in rounds, by processes that wait for their number of messages on a pipe and
 * tell when they began and ended. Rounds are repeated until two in a row agree. The conductor is one
 * thread; a worker is one process.
 */
#ifndef TESTS_PROGRAMS_BENCH_ROUNDS_H
#define TESTS_PROGRAMS_BENCH_ROUNDS_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <functional>

#include "bench_wire.h"

struct span_ns {
	std::uint64_t begin = 0, end = 0;
	bool ok = false;
};

/* What a worker does: so many messages, beginning with that number. */
using work = std::function<bool(std::uint64_t first, std::uint64_t count)>;

class crew {
public:
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

	void add(const work &what)
	{
		int orders[2], reports[2];
		if (::pipe2(orders, O_CLOEXEC) || ::pipe2(reports, O_CLOEXEC))
			die("pipe");
		pid_t pid = ::fork();
		if (pid < 0)
			die("fork");
		if (!pid) {
			::prctl(PR_SET_PDEATHSIG, SIGKILL);
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

/* ns of each round, the last the ones that agree. */
struct measured {
	std::vector<double> rounds;
	std::uint64_t messages = 0;
	bool complete = true;

	double spread() const
	{
		if (rounds.size() < 2)
			return 1;
		double x = rounds[rounds.size() - 2], y = rounds.back();
		return std::max(x, y) / std::min(x, y) - 1;
	}
	bool agrees() const { return spread() <= 0.01; }

	/* Of the two that agree, or the middle one of all that do not. */
	double value() const
	{
		if (rounds.empty())
			return 0;
		if (agrees())
			return (rounds[rounds.size() - 2] + rounds.back()) / 2;
		std::vector<double> sorted = rounds;
		std::ranges::sort(sorted);
		return sorted[sorted.size() / 2];
	}
};

struct effort {
	std::uint64_t budget_ns = 40000000; /* of a round */
	std::uint64_t least = 12, most = 4000;
	unsigned rounds = 8;
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
	m.messages = std::clamp(static_cast<std::uint64_t>(static_cast<double>(e.budget_ns) /
							   (guess * per)),
				e.least, e.most);
	cost(m.messages);
	while (m.complete && m.rounds.size() < e.rounds && (m.rounds.size() < 2 || !m.agrees()))
		m.rounds.push_back(cost(m.messages));
	return m;
}

#endif
