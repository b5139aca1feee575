// SPDX-License-Identifier: GPL-2.0
/*
 * One task of rds-stress, a process of its own: one RDS socket that sends requests to each task of
 * the peer, answers theirs, and believes nothing it did not check. Started by stress_run.h after a
 * fork; ends by a signal, or by an exception when something was not as it must be. One thread; the
 * counters are shared with the parent.
 */
#ifndef RDS_TOOLS_STRESS_TASK_H
#define RDS_TOOLS_STRESS_TASK_H

#include <fcntl.h>
#include <linux/rds.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include "endpoint.h"
#include "proc_number.h"
#include "stress_message.h"
#include "stress_options.h"
#include "stress_stats.h"
#include "unique_fd.h"

namespace rds_tools::stress {

using steady = std::chrono::steady_clock;

inline std::runtime_error failure(const std::string &what, int err = errno)
{
	return std::runtime_error(what + ": " + std::strerror(err));
}

struct task_place {
	endpoint local, peer; /* with the base port */
	std::uint32_t number = 0;
	bool sends = true; /* requests: not the passive side of a one-way run */
	bool trace = false;
};

/* The two ends of one stream of messages each way: this task and one of the peer's. */
class task_pair {
public:
	task_pair(const endpoint &peer, std::uint32_t depth, bool sends) : peer_(peer)
	{
		sent_at_.resize(sends ? depth : 0);
		for (std::uint32_t i = sends ? depth : 0; i--;)
			free_.push_back(static_cast<std::uint16_t>(i));
	}

	const endpoint &peer() const { return peer_; }
	bool congested = false;

	bool may_request() const { return !free_.empty(); }
	std::uint16_t next_index() const { return free_.back(); }
	void requested(steady::time_point when)
	{
		sent_at_[free_.back()].emplace(when);
		free_.pop_back();
	}

	/* The time the request took, if there was one of that index. */
	std::optional<steady::duration> answered(std::uint16_t index)
	{
		if (index >= sent_at_.size() || !sent_at_[index])
			return std::nullopt;
		auto took = steady::now() - *sent_at_[index];
		sent_at_[index].reset();
		free_.push_back(index);
		return took;
	}

	std::deque<std::uint16_t> acks_due;
	std::uint32_t next_out = 0, next_in = 0;

private:
	endpoint peer_;
	std::vector<std::optional<steady::time_point>> sent_at_;
	std::vector<std::uint16_t> free_;
};

class task {
public:
	task(const shared_options &opt, const task_place &place, task_counters &counters)
	    : opt_(opt),
	      place_(place),
	      counters_(counters),
	      local_(place.local.with_port(task_port(place.number))),
	      fd_(open_rds_socket()),
	      buffer_(std::max(opt.request_bytes, opt.ack_bytes) + 1)
	{
		for (std::uint32_t i = 0; i < opt.tasks; i++)
			pairs_.emplace_back(place.peer.with_port(task_port(i)), opt.depth,
					    place.sends);
		set_up();
	}

	/* Never returns. */
	[[noreturn]] void run()
	{
		for (;;) {
			send_all();
			wait();
			receive_all();
		}
	}

private:
	/* How many messages are taken before it is our turn to send again. */
	static constexpr int receive_batch = 64;
	enum class sent { yes, later, congested };

	std::uint16_t task_port(std::uint32_t number) const
	{
		return static_cast<std::uint16_t>(place_.local.port() + 1 + number);
	}

	void set_up()
	{
		int one = 1;
		if (::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
			throw failure("SO_REUSEADDR");
		if (::bind(fd_.get(), local_.sa(), local_.length()))
			throw failure("cannot bind to " + local_.text());
		set_buffer(SO_SNDBUF, "send");
		set_buffer(SO_RCVBUF, "receive");
		if (opt_.cong_monitor)
			monitor_congestion();
		if (::fcntl(fd_.get(), F_SETFL, O_NONBLOCK))
			throw failure("O_NONBLOCK");
		std::uint8_t tos = opt_.tos;
		if (tos && ::ioctl(fd_.get(), SIOCRDSSETTOS, &tos))
			throw failure("cannot set the type of service");
	}

	void set_buffer(int option, const char *name)
	{
		std::uint64_t wish = std::uint64_t{2} * opt_.tasks * opt_.depth *
				     (std::uint64_t{opt_.request_bytes} + opt_.ack_bytes);
		int value = static_cast<int>(std::min<std::uint64_t>(wish, INT_MAX / 2));
		if (::setsockopt(fd_.get(), SOL_SOCKET, option, &value, sizeof(value)))
			throw failure(std::string("cannot set the size of the ") + name +
				      " buffer");

		int granted = 0;
		socklen_t len = sizeof(granted);
		if (::getsockopt(fd_.get(), SOL_SOCKET, option, &granted, &len))
			throw failure(std::string("cannot read the size of the ") + name +
				      " buffer");
		if (!place_.number && granted / 2 < value)
			std::fprintf(stderr,
				     "rds-stress: the %s buffers have %d bytes, %d were asked for "
				     "(net.core.%cmem_max)\n",
				     name, granted / 2, value, option == SO_SNDBUF ? 'w' : 'r');
	}

	void monitor_congestion()
	{
		int one = 1;
		if (!::setsockopt(fd_.get(), rds_level(), RDS_CONG_MONITOR, &one, sizeof(one))) {
			monitored_ = true;
			return;
		}
		if (errno != ENOPROTOOPT)
			throw failure("RDS_CONG_MONITOR");
		if (!place_.number)
			std::fprintf(stderr, "rds-stress: this kernel has no congestion monitor, "
					     "going on without it\n");
	}

	/* Answers first: the peer waits for them. */
	void send_all()
	{
		if (full_)
			return;
		for (task_pair &pair : pairs_) {
			while (!pair.congested && !pair.acks_due.empty()) {
				if (!send_one(pair, operation::ack, pair.acks_due.front()))
					break;
				pair.acks_due.pop_front();
			}
			while (!pair.congested && pair.may_request()) {
				auto now = steady::now();
				if (!send_one(pair, operation::request, pair.next_index()))
					break;
				pair.requested(now);
				task_counters::add(counters_.requests_out, 1);
			}
			if (full_)
				return;
		}
	}

	header header_for(const task_pair &pair, operation op, std::uint16_t index,
			  std::uint32_t sequence, bool incoming) const
	{
		const endpoint &from = incoming ? pair.peer() : local_;
		const endpoint &to = incoming ? local_ : pair.peer();
		header h;

		h.sequence = sequence;
		h.from_address = short_address(from);
		h.to_address = short_address(to);
		h.from_port = from.port();
		h.to_port = to.port();
		h.index = index;
		h.op = op;
		h.run = opt_.run;
		h.pattern = pattern_of(opt_.run, from.port(), to.port(), sequence);
		return h;
	}

	/* False when it has to be tried again later. */
	bool send_one(task_pair &pair, operation op, std::uint16_t index)
	{
		std::size_t size = op == operation::ack ? opt_.ack_bytes : opt_.request_bytes;
		header h = header_for(pair, op, index, pair.next_out, false);
		auto encoded = encode(h);

		std::copy(encoded.begin(), encoded.end(), buffer_.begin());
		if (opt_.verify)
			fill_pattern(std::span(buffer_).subspan(header_bytes, size - header_bytes),
				     h.pattern);
		switch (transmit(pair.peer(), size)) {
		case sent::later:
			full_ = true;
			return false;
		case sent::congested:
			pair.congested = true;
			return false;
		case sent::yes:
			break;
		}
		pair.next_out++;
		task_counters::add(counters_.bytes, size);
		trace("sent", pair, h, size);
		return true;
	}

	sent transmit(const endpoint &to, std::size_t size)
	{
		endpoint name = to;
		iovec iov{buffer_.data(), size};
		msghdr msg{};
		msg.msg_name = name.sa();
		msg.msg_namelen = name.length();
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;

		auto began = steady::now();
		ssize_t n = ::sendmsg(fd_.get(), &msg, 0);
		int err = errno;
		task_counters::add(counters_.send_ns,
				   static_cast<std::uint64_t>((steady::now() - began).count()));
		task_counters::add(counters_.send_calls, 1);
		if (n == static_cast<ssize_t>(size))
			return sent::yes;
		if (n >= 0)
			throw std::runtime_error("sendmsg to " + to.text() + " took " +
						 std::to_string(n) + " of " + std::to_string(size) +
						 " bytes");
		if (err == EAGAIN || err == EINTR)
			return sent::later;
		if (err == ENOBUFS)
			return sent::congested;
		throw failure("sendmsg to " + to.text(), err);
	}

	void wait()
	{
		pollfd p{fd_.get(), static_cast<short>(POLLIN | (full_ ? POLLOUT : 0)), 0};
		int n = ::poll(&p, 1, 1000);
		if (n < 0 && errno != EINTR)
			throw failure("poll");
		if (p.revents & (POLLERR | POLLHUP | POLLNVAL))
			throw std::runtime_error("poll reports an error");
		if (p.revents & POLLOUT)
			full_ = false;
		/* Nobody will tell: after each wake-up, and once a second, try again. */
		if (!monitored_)
			for (task_pair &pair : pairs_)
				pair.congested = false;
	}

	void receive_all()
	{
		for (int i = 0; i < receive_batch && receive_one(); i++) {
		}
	}

	/* False when there is nothing more. */
	bool receive_one()
	{
		alignas(cmsghdr) char control[256];
		endpoint from;
		iovec iov{buffer_.data(), buffer_.size()};
		msghdr msg{};
		msg.msg_name = from.sa();
		msg.msg_namelen = endpoint::capacity();
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);

		ssize_t n = ::recvmsg(fd_.get(), &msg, MSG_DONTWAIT);
		if (n < 0) {
			if (errno == EAGAIN || errno == EINTR)
				return false;
			throw failure("recvmsg");
		}
		take_notifications(msg);
		if (!n && !msg.msg_namelen)
			return true;
		if (msg.msg_namelen < from.length())
			throw std::runtime_error("recvmsg gives a message without its sender");
		/* the buffer is larger than any message of ours */
		take_message(from, std::span(buffer_).first(static_cast<std::size_t>(n)));
		return true;
	}

	void take_notifications(msghdr &msg)
	{
		for (cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
			if (c->cmsg_level != rds_level_ || c->cmsg_type != RDS_CMSG_CONG_UPDATE ||
			    c->cmsg_len < CMSG_LEN(sizeof(std::uint64_t)))
				continue;
			std::uint64_t freed;
			std::memcpy(&freed, CMSG_DATA(c), sizeof(freed));
			for (task_pair &pair : pairs_)
				if (freed >> (pair.peer().port() % 64) & 1)
					pair.congested = false;
		}
	}

	/* What others send, or an earlier run sent, is not ours to judge. */
	void take_message(const endpoint &from, std::span<const std::uint8_t> message)
	{
		task_pair *pair = pair_of(from);
		auto got = decode_header(message);
		if (!pair || !got || got->run != opt_.run) {
			if (!strangers_++)
				std::fprintf(stderr,
					     "rds-stress: task %u ignores a message from %s that "
					     "is not of this run\n",
					     place_.number, from.text().c_str());
			return;
		}
		header expected = header_for(*pair, got->op, got->index, pair->next_in, true);
		if (*got != expected)
			wrong(from, *got, expected, "the header is not the expected one");
		pair->next_in++;
		trace("received", *pair, *got, message.size());
		check_payload(from, message, *got, expected);
		task_counters::add(counters_.bytes, message.size());
		if (got->op == operation::request)
			take_request(*pair, from, *got);
		else
			take_ack(*pair, from, *got);
	}

	task_pair *pair_of(const endpoint &from)
	{
		std::uint32_t first = task_port(0);
		if (!from.same_address(place_.peer) || from.port() < first ||
		    from.port() - first >= pairs_.size())
			return nullptr;
		return &pairs_[from.port() - first];
	}

	void check_payload(const endpoint &from, std::span<const std::uint8_t> message,
			   const header &got, const header &expected)
	{
		bool request = got.op == operation::request;
		if (!request && got.op != operation::ack)
			wrong(from, got, expected, "neither a request nor an answer");
		if (message.size() != (request ? opt_.request_bytes : opt_.ack_bytes))
			wrong(from, got, expected,
			      "the message has " + std::to_string(message.size()) + " bytes");
		if (!opt_.verify)
			return;
		auto at = first_difference(message.subspan(header_bytes), expected.pattern);
		if (at)
			wrong(from, got, expected,
			      "the payload differs at byte " + std::to_string(header_bytes + *at));
	}

	void take_request(task_pair &pair, const endpoint &from, const header &got)
	{
		if (pair.acks_due.size() >= opt_.depth)
			wrong(from, got, got, "more requests than the depth allows");
		pair.acks_due.push_back(got.index);
		task_counters::add(counters_.requests_in, 1);
	}

	void take_ack(task_pair &pair, const endpoint &from, const header &got)
	{
		auto took = pair.answered(got.index);
		if (!took)
			wrong(from, got, got, "an answer to nothing");
		counters_.round_trip(static_cast<std::uint64_t>(
			std::chrono::duration_cast<std::chrono::nanoseconds>(*took).count()));
	}

	[[noreturn]] void wrong(const endpoint &from, const header &got, const header &expected,
				const std::string &what) const
	{
		throw std::runtime_error("a message from " + from.text() + " to " + local_.text() +
					 " is wrong: " + what + "\n  got      " + describe(got) +
					 "\n  expected " + describe(expected));
	}

	void trace(const char *what, const task_pair &pair, const header &h, std::size_t size) const
	{
		if (place_.trace)
			std::fprintf(stderr, "%s %s %s: %zu bytes, %s\n", local_.text().c_str(),
				     what, pair.peer().text().c_str(), size, describe(h).c_str());
	}

	const shared_options &opt_;
	const task_place &place_;
	task_counters &counters_;
	endpoint local_;
	unique_fd fd_;
	int rds_level_ = rds_level();
	std::vector<task_pair> pairs_;
	std::vector<std::uint8_t> buffer_;
	bool monitored_ = false, full_ = false;
	std::uint64_t strangers_ = 0;
};

} // namespace rds_tools::stress

#endif
