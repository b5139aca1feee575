// SPDX-License-Identifier: GPL-2.0
/*
 * rds-ping: measures round trips to the RDS of another machine. A message to port 0 is answered by
 * the kernel there, with an empty message from port 0. Eight sockets take turns, so that eight
 * pings can be under way, and, on a transport with lanes, so that several lanes are tried. Single-
 * threaded.
 *
 * Exit status: 0 if at least one answer came, else 1.
 */
#include <linux/rds.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>
#include <stdexcept>
#include <string>

#include "endpoint.h"
#include "interval.h"
#include "proc_number.h"
#include "resolve.h"
#include "unique_fd.h"
#include "usage.h"

using namespace rds_tools;
using steady = std::chrono::steady_clock;

namespace {

constexpr std::size_t socket_count = 8;
/* With -c, and every socket waiting in vain: how long before we call it a day. */
constexpr auto patience = std::chrono::seconds(5);

struct options {
	endpoint destination, source;
	std::uint32_t count = 0; /* 0: endless */
	std::chrono::nanoseconds interval = std::chrono::seconds(1);
	std::uint8_t tos = 0;
};

struct slot {
	unique_fd fd;
	std::uint32_t number = 0;
	steady::time_point sent_at;
	bool outstanding = false;
	bool answered = false; /* the ping of this number: any further answer is a duplicate */
};

volatile sig_atomic_t interrupted;

void on_signal(int)
{
	interrupted = 1;
}

/* No SA_RESTART: poll() must return, so that the exit status is the documented one. */
void catch_signals()
{
	struct sigaction action {};
	action.sa_handler = on_signal;
	::sigaction(SIGINT, &action, nullptr);
	::sigaction(SIGTERM, &action, nullptr);
}

std::runtime_error failure(const std::string &what)
{
	return std::runtime_error(what + ": " + std::strerror(errno));
}

void open_slot(slot &s, const options &opt)
{
	s.fd = open_rds_socket();
	if (::bind(s.fd.get(), opt.source.sa(), opt.source.length()))
		throw failure("cannot bind to " + opt.source.address_text());

	std::uint8_t tos = opt.tos;
	if (tos && ::ioctl(s.fd.get(), SIOCRDSSETTOS, &tos))
		throw failure("cannot set the type of service");
}

class pinger {
public:
	explicit pinger(const options &opt) : opt_(opt)
	{
		for (slot &s : slots_)
			open_slot(s, opt_);
	}

	bool run()
	{
		auto next_tick = steady::now();

		while (!interrupted && !finished_) {
			auto now = steady::now();
			if (now >= next_tick) {
				tick();
				next_tick = std::max(next_tick + opt_.interval, now);
				continue;
			}
			wait(next_tick - now);
		}
		return received_ > 0;
	}

private:
	void tick()
	{
		if (opt_.count && (sent_ >= opt_.count || all_lost())) {
			finished_ = true;
			return;
		}
		slot &s = slots_[turn_];
		turn_ = (turn_ + 1) % slots_.size();
		/* A lost answer blocks its slot for good: that is how loss shows. */
		if (!s.outstanding)
			send(s);
	}

	/* Every slot is blocked and has been for long: nothing would be sent any more. */
	bool all_lost() const
	{
		auto limit = steady::now() -
			     std::max<std::chrono::nanoseconds>(patience, opt_.interval);
		return std::all_of(slots_.begin(), slots_.end(), [=](const slot &s) {
			return s.outstanding && s.sent_at < limit;
		});
	}

	/* Without MSG_DONTWAIT older kernels sleep here while the peer can't be reached. */
	void send(slot &s)
	{
		s.number = ++sent_;
		s.sent_at = steady::now();
		s.answered = false;
		if (!::sendto(s.fd.get(), nullptr, 0, MSG_DONTWAIT, opt_.destination.sa(),
			      opt_.destination.length())) {
			s.outstanding = true;
			return;
		}

		int err = errno;
		std::printf(" %3" PRIu32 ": ERROR: %s\n", s.number, std::strerror(err));
		if (err == EINVAL && !hinted_) {
			std::printf("      (an old kernel may not know RDS ping)\n");
			hinted_ = true;
		}
		std::fflush(stdout);
	}

	void wait(std::chrono::nanoseconds left)
	{
		std::array<pollfd, socket_count> polls;
		for (std::size_t i = 0; i < slots_.size(); i++)
			polls[i] = {slots_[i].fd.get(), POLLIN, 0};

		auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
		timespec timeout{seconds.count(), (left - seconds).count()};
		if (::ppoll(polls.data(), polls.size(), &timeout, nullptr) < 0) {
			if (errno == EINTR)
				return;
			throw failure("poll");
		}
		for (std::size_t i = 0; i < slots_.size() && !finished_; i++)
			if (polls[i].revents)
				receive(slots_[i]);
	}

	/* A congestion update makes a socket readable without a message: EAGAIN is not an error. */
	void receive(slot &s)
	{
		endpoint from;
		socklen_t len = endpoint::capacity();

		if (::recvfrom(s.fd.get(), nullptr, 0, MSG_DONTWAIT, from.sa(), &len) < 0) {
			if (errno == EAGAIN || errno == EINTR)
				return;
			std::printf(" %3" PRIu32 ": ERROR: %s\n", s.number, std::strerror(errno));
			std::fflush(stdout);
			return;
		}
		/* Anybody may send to our ports; only the kernel answers from port 0. */
		if (!len || from.port() || !s.number)
			return;
		report(s, from);
	}

	void report(slot &s, const endpoint &from)
	{
		auto trip = std::chrono::duration_cast<std::chrono::microseconds>(steady::now() -
										  s.sent_at);
		std::printf(" %3" PRIu32 ": %lld usec", s.number,
			    static_cast<long long>(trip.count()));
		if (!from.same_address(opt_.destination))
			std::printf(" (%s)", from.address_text().c_str());
		if (s.answered)
			std::printf(" DUP!");
		std::putchar('\n');
		std::fflush(stdout);

		if (!s.answered)
			received_++;
		s.answered = true;
		s.outstanding = false;
		finished_ = opt_.count && received_ >= opt_.count;
	}

	const options &opt_;
	std::array<slot, socket_count> slots_;
	std::size_t turn_ = 0;
	std::uint32_t sent_ = 0, received_ = 0;
	bool finished_ = false, hinted_ = false;
};

} // namespace

int main(int argc, char **argv)
{
	constexpr std::uint32_t max_count = std::numeric_limits<std::uint32_t>::max();
	std::string count = "0", interval = "1", source, tos = "0", destination;
	CLI::App app{"Sends RDS pings and prints the time each answer took.", "rds-ping"};

	app.add_option("-c", count,
		       "stop after this many answers, or one interval after this many pings")
		->type_name("N")
		->check(check_number(max_count));
	app.add_option("-i", interval, "time between pings: seconds, or with suffix ms or us")
		->type_name("T")
		->check(check_interval);
	app.add_option("-I", source, "source address")->type_name("ADDR");
	app.add_option("-Q", tos, "type of service, 0 to 255")
		->type_name("N")
		->check(check_number(255));
	app.add_option("destination", destination, "address or name of the peer")->required();
	if (auto status = parse_or_usage(app, argc, argv))
		return *status;

	try {
		options opt;
		opt.count = static_cast<std::uint32_t>(*parse_count(count, max_count));
		opt.interval = *parse_interval(interval);
		opt.tos = static_cast<std::uint8_t>(*parse_count(tos, 255));
		opt.destination = resolve(destination);
		opt.source = source.empty() ? guess_source(opt.destination) : resolve(source);

		catch_signals();
		return pinger(opt).run() ? 0 : 1;
	} catch (const std::exception &e) {
		std::fprintf(stderr, "rds-ping: %s\n", e.what());
		return 1;
	}
}
