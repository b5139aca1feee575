// SPDX-License-Identifier: GPL-2.0
/*
 * rds-chaos: many sockets to many sockets, both ways, for two hosts on which the same command runs; checks that each
 * message arrives once, in order for each pair of sockets, with every byte. rds-disturb breaks things meanwhile.
 *
 * Nothing is agreed upon by messages: what comes first counts, too. Numbers go on from round to round, so a host may
 * begin anew (--first-round) while the other goes on. Driven by signals, and each step is a line on stdout:
 *
 *	ready ...      all sockets are bound; SIGUSR1 starts a round, which may follow the last at once
 *	begun N        it has
 *	complete N ... all up to round N was sent, and all that the other host sends in it has arrived
 *	result ...     after SIGTERM, or when nothing has moved for too long; what came behind the last round counts
 *
 * One thread for each socket. Sockets differ by index: 0 modulo 4 monitors congestion, 1 only sends, waiting in the
 * kernel, 2 polls, 3 sends without a copy.
 */
#include <poll.h>
#include <sys/eventfd.h>

#include <atomic>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "arguments.h"
#include "flow_check.h"
#include "rds_socket.h"
#include "traffic.h"

namespace {

constexpr char usage[] =
	"usage: rds-chaos --pair LOCAL,REMOTE [--pair ...] [options]\n"
	"  --pair A,B        two addresses; on the other host it is B,A\n"
	"  --sockets K       for each pair, on each host (16)\n"
	"  --port P          of the first (7000)\n"
	"  --fan F           receivers of each sender (4)\n"
	"  --count N         messages of a round for each of them (20)\n"
	"  --first-round R   the first that is sent here (0)\n"
	"  --sizes WHAT      as in rds-xfer (tail)\n"
	"  --sndbuf N        usable bytes of the send buffer (1048576); half of the sockets have less\n"
	"  --seed S          the same on both hosts (1)\n"
	"  --timeout S       fail if nothing moves for S seconds (120)\n"
	"  --report          say what happened, but exit 0\n"
	"exit:  0 if everything was exact, 1 if not, 2 for a bad command line\n";

constexpr unsigned max_rounds = 256;

struct settings {
	std::vector<std::pair<endpoint, endpoint>> pairs;
	unsigned sockets, fan, timeout, first_round;
	std::uint16_t port;
	std::uint64_t count, seed;
	std::size_t sndbuf;
	size_spec sizes;
	bool report;
};

/* What all threads add up. */
struct totals {
	std::atomic<std::uint64_t> sent{0}, received{0}, bytes{0}, stray{0};
	std::atomic<std::uint64_t> missing{0}, unsent{0}; /* of the rounds so far */
	flow_errors wrong;
	soft_errors soft;
	std::mutex lock; /* guards stderr */

	std::uint64_t errors() const { return wrong.sum() + stray; }
};

totals total;
/* Each becomes readable when its round begins, and stays so. */
int round_begins[max_rounds];
std::atomic<unsigned> rounds_begun;
std::atomic<bool> leaving;

void complain(const std::string &what)
{
	static int left = 40;
	std::lock_guard guard(total.lock);

	if (left-- > 0)
		std::fprintf(stderr, "rds-chaos: %s\n", what.c_str());
}

/* Where a thread judges what it receives: room for one message, which not each can have. */
struct desk {
	std::mutex lock;
	std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(max_message + 1);
};

desk desks[4];

enum class kind { monitor, blocking_sender, poll, zerocopy };

kind kind_of(unsigned socket)
{
	return static_cast<kind>(socket % 4);
}

/* All of them in memory at once would be much: one half has large messages, and buffers for them. */
std::size_t sndbuf_of(const settings &set, unsigned socket)
{
	constexpr std::size_t small = 131072;
	return socket % 2 ? set.sndbuf : std::min(set.sndbuf, small);
}

/* The receivers of sender @from: those that come next and receive at all. */
std::vector<unsigned> receivers_of(const settings &set, unsigned from)
{
	std::vector<unsigned> to;
	for (unsigned i = 0; i < set.sockets && to.size() < set.fan; i++)
		if (unsigned at = (from + i) % set.sockets; kind_of(at) != kind::blocking_sender)
			to.push_back(at);
	return to;
}

flow_plan plan_of(const settings &set, unsigned socket, std::uint16_t from, std::uint16_t to,
		  int family, std::uint64_t first)
{
	flow_plan plan;
	plan.seed = set.seed + (family == AF_INET6);
	plan.count = ~std::uint64_t{0};
	plan.sender = std::uint32_t{from} << 16 | to;
	plan.sizes = set.sizes;
	plan.sizes.max = static_cast<std::uint32_t>(
		std::min<std::size_t>(plan.sizes.max, sndbuf_of(set, socket)));
	plan.first = first;
	plan.hashed = false;
	return plan;
}

class worker {
public:
	worker(const settings &set, std::size_t pair, unsigned index)
	    : set_(set),
	      index_(index),
	      local_(set.pairs[pair].first.with_port(port_of(pair, index))),
	      remote_(set.pairs[pair].second),
	      random_(mixed(set.seed) + local_.port())
	{
		std::uint64_t first = set.first_round * set.count;
		for (unsigned to : receivers_of(set, index)) {
			std::uint16_t port = port_of(pair, to);
			auto plan = plan_of(set, index, local_.port(), port, local_.family(),
					    first);
			out_.push_back({remote_.with_port(port), plan, first});
		}
		for (unsigned from = 0; from < set.sockets; from++) {
			auto to = receivers_of(set, from);
			if (std::ranges::find(to, index) == to.end())
				continue;
			std::uint16_t port = port_of(pair, from);
			auto plan = plan_of(set, from, port, local_.port(), local_.family(), first);
			std::string name = local_.text() + " from port " + std::to_string(port);
			in_.emplace(port, flow_check(plan, name, total.wrong, complain));
		}
		socket_.raise_sndbuf(sndbuf_of(set, index));
		socket_.bind(local_);
		if (kind_of(index) == kind::monitor)
			socket_.monitor_congestion();
		if (kind_of(index) == kind::zerocopy)
			socket_.zerocopy(2);
	}

	/* What a round adds to what is due. */
	std::uint64_t due_out() const { return out_.size() * set_.count; }
	std::uint64_t due_in() const { return in_.size() * set_.count; }

	void run()
	{
		unsigned next = set_.first_round;

		while (!leaving) {
			while (take_one()) {
			}
			if (next < rounds_begun) {
				goal_ = ++next * set_.count;
				active_.clear();
				for (flow &f : out_)
					active_.push_back(&f);
			}
			if (active_.empty())
				wait(round_begins[next]);
			else
				send_one();
		}
		while (take_one()) {
		}
	}

private:
	struct flow {
		endpoint to;
		flow_plan plan;
		std::uint64_t next;
	};

	std::uint16_t port_of(std::size_t pair, unsigned index) const
	{
		return static_cast<std::uint16_t>(set_.port + pair * set_.sockets + index);
	}

	void wait(int round)
	{
		pollfd p[2] = {{socket_.fd(), POLLIN, 0}, {round, POLLIN, 0}};
		if (::poll(p, 2, rds_socket::late_ms) < 0 && errno != EINTR)
			die("poll");
	}

	bool take_one()
	{
		desk &mine = desks[index_ % std::size(desks)];
		std::lock_guard guard(mine.lock);
		received got;
		if (!socket_.receive(mine.buffer, got, total.soft))
			return false;
		auto it = in_.find(got.from.port());
		if (!got.from.same_address(remote_) || it == in_.end()) {
			total.stray++;
			complain(local_.text() + ": a message from " + got.from.text());
			return true;
		}
		flow_check &check = it->second;
		std::uint64_t before = check.next();
		check.take({mine.buffer.data(), got.size}, got.truncated, nullptr);
		total.received++;
		total.bytes += got.size;
		total.missing -= check.next() - before;
		return true;
	}

	/* Of a flow at random: what is in between belongs to other pairs of sockets. */
	void send_one()
	{
		std::size_t at = mixed(random_++) % active_.size();
		flow &f = *active_[at];

		std::vector<std::uint8_t> message;
		f.plan.build(f.next, message);
		socket_.send_patiently(f.to, message, total.soft,
				       kind_of(index_) == kind::blocking_sender ? 0 : MSG_DONTWAIT);
		total.sent++;
		total.unsent--;
		if (++f.next == goal_)
			active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(at));
	}

	const settings &set_;
	unsigned index_;
	endpoint local_, remote_;
	rds_socket socket_;
	std::vector<flow> out_;
	std::vector<flow *> active_; /* of this round, not sent yet */
	std::map<std::uint16_t, flow_check> in_;
	std::uint64_t goal_ = 0, random_;
};

void print_sums()
{
	auto value = [](const std::atomic<std::uint64_t> &v) { return v.load(); };
	std::printf(" sent=%" PRIu64 " received=%" PRIu64 " bytes=%" PRIu64 " gaps=%" PRIu64
		    " duplicate=%" PRIu64 " reordered=%" PRIu64 " corrupt=%" PRIu64
		    " length=%" PRIu64 " stray=%" PRIu64 " unsent=%" PRIu64 " missing=%" PRIu64
		    " eagain=%" PRIu64 " enobufs=%" PRIu64 " late=%" PRIu64 "\n",
		    value(total.sent), value(total.received), value(total.bytes),
		    value(total.wrong.lost), value(total.wrong.duplicate),
		    value(total.wrong.reordered), value(total.wrong.corrupt),
		    value(total.wrong.length), value(total.stray), value(total.unsent),
		    value(total.missing), value(total.soft.eagain), value(total.soft.enobufs),
		    value(total.soft.late));
	std::fflush(stdout);
}

class director {
public:
	explicit director(const settings &set) : set_(set)
	{
		for (int &fd : round_begins)
			if ((fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0)
				die("eventfd");
		rounds_begun = set.first_round;
		for (std::size_t pair = 0; pair < set.pairs.size(); pair++)
			for (unsigned i = 0; i < set.sockets; i++)
				workers_.push_back(std::make_unique<worker>(set, pair, i));
	}

	int run()
	{
		sigset_t signals;
		::sigemptyset(&signals);
		::sigaddset(&signals, SIGUSR1);
		::sigaddset(&signals, SIGTERM);
		::pthread_sigmask(SIG_BLOCK, &signals, nullptr); /* threads inherit it */
		std::vector<std::thread> threads;
		for (auto &w : workers_)
			threads.emplace_back([&w] { w->run(); });
		std::printf("ready sockets=%zu seed=%" PRIu64 "\n", workers_.size(), set_.seed);
		std::fflush(stdout);

		while (handle(wait_for(signals)))
			watch();
		leaving = true;
		for (int &fd : round_begins)
			::eventfd_write(fd, 1);
		for (auto &thread : threads)
			thread.join();
		return result(false);
	}

private:
	using clock = std::chrono::steady_clock;

	static int wait_for(const sigset_t &signals)
	{
		timespec tick{0, 50'000'000};
		return ::sigtimedwait(&signals, nullptr, &tick);
	}

	/* Return: go on. */
	bool handle(int signal)
	{
		if (signal == SIGUSR1 && rounds_begun < max_rounds - 1) {
			for (const auto &w : workers_) {
				total.unsent += w->due_out();
				total.missing += w->due_in();
			}
			running_ = true;
			moved_ = clock::now();
			std::printf("begun %u\n", rounds_begun.load());
			std::fflush(stdout);
			::eventfd_write(round_begins[rounds_begun++], 1);
		}
		return signal != SIGTERM;
	}

	void watch()
	{
		std::uint64_t seen = total.sent + total.received;
		if (seen != seen_)
			moved_ = clock::now();
		seen_ = seen;
		if (running_ && !total.unsent && !total.missing) {
			running_ = false;
			std::printf("complete %u", rounds_begun - 1);
			print_sums();
		}
		if (running_ && clock::now() - moved_ > std::chrono::seconds(set_.timeout))
			::_exit(result(true));
	}

	int result(bool stalled) const
	{
		bool good = !stalled && !total.errors() && !total.missing && !total.unsent;
		std::printf("result %s", stalled ? "stalled" : good ? "ok" : "bad");
		print_sums();
		std::fflush(nullptr);
		return good || set_.report ? 0 : 1;
	}

	const settings &set_;
	std::vector<std::unique_ptr<worker>> workers_;
	clock::time_point moved_;
	std::uint64_t seen_ = 0;
	bool running_ = false;
};

settings read_settings(arguments &args)
{
	settings set;

	while (auto text = args.find("--pair")) {
		auto comma = text->find(',');
		auto local = endpoint::parse_address(text->substr(0, comma));
		auto remote = comma == text->npos
				      ? std::nullopt
				      : endpoint::parse_address(text->substr(comma + 1));
		if (!local || !remote || local->family() != remote->family())
			args.fail("--pair is not two addresses of a family: " + *text);
		set.pairs.emplace_back(*local, *remote);
	}
	set.sockets = static_cast<unsigned>(args.number("--sockets", 16, 1024));
	set.port = static_cast<std::uint16_t>(args.number("--port", 7000, 32767));
	set.fan = static_cast<unsigned>(args.number("--fan", 4, 1024));
	set.count = args.number("--count", 20, 1 << 30);
	set.first_round = static_cast<unsigned>(args.number("--first-round", 0, max_rounds - 1));
	auto sizes = size_spec::parse(args.text("--sizes", "tail"));
	set.sndbuf = args.number("--sndbuf", max_message, 1 << 30);
	set.seed = args.number("--seed", 1);
	set.timeout = static_cast<unsigned>(args.number("--timeout", 120, 86400));
	set.report = args.flag("--report");
	args.finish();
	if (!sizes || sizes->max > set.sndbuf)
		args.fail("--sizes is not understood, or more than --sndbuf");
	set.sizes = *sizes;
	if (set.pairs.empty() || !set.count || !set.fan ||
	    set.port + set.pairs.size() * set.sockets > 65536)
		args.fail("--pair is missing, or a number is out of range");
	return set;
}

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	settings set = read_settings(args);
	return director(set).run();
}
