// SPDX-License-Identifier: GPL-2.0
/*
 * One task of rds-stress, a process of its own: one RDS socket that sends requests to each task of
 * the peer, answers theirs, and believes nothing it did not check. Started by stress_run.h after a
 * fork; ends by a signal, or by an exception when something was not as it must be. One thread; the
 * counters are shared with the parent.
 */
#ifndef RDS_TOOLS_STRESS_TASK_H
#define RDS_TOOLS_STRESS_TASK_H

#include <linux/rds.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "endpoint.h"
#include "stress_message.h"
#include "stress_mover.h"
#include "stress_options.h"
#include "stress_owner.h"
#include "stress_pair.h"
#include "stress_socket.h"
#include "stress_stats.h"

namespace rds_tools::stress {

struct task_place {
	endpoint local, peer; /* with the base port */
	std::uint32_t number = 0;
	/* requests: not the passive side of a one-way run; answers: not the active one */
	bool sends = true, answers = true;
	bool trace = false, count_keys = false;
};

class task {
public:
	task(const shared_options &opt, const task_place &place, task_counters &counters)
	    : opt_(opt),
	      place_(place),
	      counters_(counters),
	      socket_(opt, place.local.with_port(task_port(place.number)), !place.number),
	      buffer_(std::max(opt.request_bytes, opt.ack_bytes) + 1)
	{
		for (std::uint32_t i = 0; i < opt.tasks; i++)
			pairs_.emplace_back(place.peer.with_port(task_port(i)), opt.depth,
					    place.sends);
		if (!opt.rdma.active())
			return;
		probe_rdma(socket_);
		if (place.sends)
			owner_.emplace(opt, socket_, counters, place.count_keys);
		if (place.answers)
			mover_.emplace(opt, socket_, counters);
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
	static constexpr int longest_pause_ms = 64;
	enum class sent { yes, later, congested };

	std::uint16_t task_port(std::uint32_t number) const
	{
		return static_cast<std::uint16_t>(place_.local.port() + 1 + number);
	}

	/* Among the slots for RDMA of all pairs. */
	std::size_t slot_of(const task_pair &pair, std::uint16_t index) const
	{
		return static_cast<std::size_t>(&pair - pairs_.data()) * opt_.depth + index;
	}

	/* Answers first: the peer waits for them. */
	void send_all()
	{
		if (full_)
			return;
		for (task_pair &pair : pairs_) {
			while (!pair.congested && !pair.acks_due.empty() && send_ack(pair))
				pair.acks_due.pop_front();
			while (!full_ && !pair.congested && pair.may_request() &&
			       send_request(pair)) {
			}
			if (full_)
				return;
		}
	}

	/* This and the next: false when it has to be tried again later. */
	bool send_request(task_pair &pair)
	{
		std::uint16_t index = pair.next_index();
		header h = header_for(pair, operation::request, index, pair.next_out, false);
		control_message control;

		if (owner_)
			h.rdma = owner_->prepare(slot_of(pair, index), h.pattern, control);
		auto now = steady::now();
		if (!send_one(pair, h, opt_.request_bytes, control))
			return false;
		if (owner_)
			owner_->asked(slot_of(pair, index));
		pair.requested(now);
		task_counters::add(counters_.requests_out, 1);
		return true;
	}

	bool send_ack(task_pair &pair)
	{
		const ack_due &due = pair.acks_due.front();
		header h = header_for(pair, operation::ack, due.index, pair.next_out, false);
		control_message control;

		if (mover_) {
			if (mover_->busy(slot_of(pair, due.index)))
				return false;
			mover_->prepare(slot_of(pair, due.index), due, h.sequence, control);
			h.rdma = due.rdma;
		}
		if (!send_one(pair, h, opt_.ack_bytes, control))
			return false;
		if (mover_)
			mover_->begun(due);
		return true;
	}

	header header_for(const task_pair &pair, operation op, std::uint16_t index,
			  std::uint32_t sequence, bool incoming) const
	{
		const endpoint &from = incoming ? pair.peer() : socket_.local();
		const endpoint &to = incoming ? socket_.local() : pair.peer();
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

	bool send_one(task_pair &pair, const header &h, std::size_t size, control_message &control)
	{
		auto encoded = encode(h);

		std::copy(encoded.begin(), encoded.end(), buffer_.begin());
		if (opt_.verify)
			fill_pattern(std::span(buffer_).subspan(header_bytes, size - header_bytes),
				     h.pattern);
		switch (transmit(pair.peer(), size, control)) {
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

	sent transmit(const endpoint &to, std::size_t size, control_message &control)
	{
		auto began = steady::now();
		int err = socket_.send(to, std::span(buffer_).first(size), control);
		task_counters::add(counters_.send_ns,
				   static_cast<std::uint64_t>((steady::now() - began).count()));
		task_counters::add(counters_.send_calls, 1);
		bool maps = control.type() == RDS_CMSG_RDMA_MAP;
		if (err == EAGAIN || err == EINTR) {
			pause_ms_ = maps ? std::clamp(2 * pause_ms_, 1, longest_pause_ms) : 0;
			return sent::later;
		}
		pause_ms_ = 0;
		if (!err)
			return sent::yes;
		if (err == ENOBUFS)
			return sent::congested;
		auto what = "sendmsg to " + to.text();
		throw control.type() ? rdma_failure(what + " with RDMA", err) : failure(what, err);
	}

	/*
	 * While there is no connection RDMA_MAP fails with EAGAIN, and poll() sees a socket that is
	 * not full: then, time has to pass, or something has to come.
	 */
	void wait()
	{
		bool paused = full_ && pause_ms_;
		pollfd p{socket_.fd(),
			 static_cast<short>(POLLIN | (full_ && !paused ? POLLOUT : 0)), 0};
		int n = ::poll(&p, 1, paused ? pause_ms_ : 1000);
		if (n < 0 && errno != EINTR)
			throw failure("poll");
		if (p.revents & (POLLERR | POLLHUP | POLLNVAL))
			throw std::runtime_error("poll reports an error");
		if (paused || p.revents & POLLOUT)
			full_ = false;
		/* Nobody will tell: after each wake-up, and once a second, try again. */
		if (!socket_.monitored())
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
		endpoint from;
		std::optional<rds_rdma_cookie_t> cookie;
		auto got = socket_.receive(from, buffer_, [&](int type, auto data) {
			if (type == RDS_CMSG_CONG_UPDATE)
				take_congestion(read<std::uint64_t>(data));
			else if (type == RDS_CMSG_RDMA_DEST)
				cookie = read<rds_rdma_cookie_t>(data);
			else if (type == RDS_CMSG_RDMA_STATUS && mover_)
				mover_->ended(read<rds_rdma_notify>(data));
		});
		if (!got)
			return false;
		/* the buffer is larger than any message of ours */
		if (got->is_message)
			take_message(from, std::span(buffer_).first(got->bytes), cookie);
		return true;
	}

	template <typename T>
	static T read(std::span<const std::uint8_t> data)
	{
		T value{};
		if (data.size() < sizeof(value))
			throw std::runtime_error("recvmsg gives a control message that is cut");
		std::memcpy(&value, data.data(), sizeof(value));
		return value;
	}

	void take_congestion(std::uint64_t freed)
	{
		for (task_pair &pair : pairs_)
			if (freed >> (pair.peer().port() % 64) & 1)
				pair.congested = false;
	}

	/* What others send, or an earlier run sent, is not ours to judge. */
	void take_message(const endpoint &from, std::span<const std::uint8_t> message,
			  std::optional<rds_rdma_cookie_t> cookie)
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
		expected.rdma = got->rdma;
		if (*got != expected)
			wrong(from, *got, expected, "the header is not the expected one");
		pair->next_in++;
		trace("received", *pair, *got, message.size());
		check_payload(from, message, *got, expected);
		task_counters::add(counters_.bytes, message.size());
		if (got->op == operation::request)
			take_request(*pair, from, *got, cookie);
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

	void take_request(task_pair &pair, const endpoint &from, const header &got,
			  std::optional<rds_rdma_cookie_t> cookie)
	{
		if (pair.acks_due.size() >= opt_.depth || got.index >= opt_.depth)
			wrong(from, got, got, "more requests than the depth allows");
		if (auto why = complaint(opt_.rdma, got.rdma, cookie); !why.empty())
			wrong(from, got, got, why);
		ack_due due{got.index, got.pattern, got.rdma};
		due.rdma.key = cookie.value_or(0);
		pair.acks_due.push_back(due);
		task_counters::add(counters_.requests_in, 1);
	}

	void take_ack(task_pair &pair, const endpoint &from, const header &got)
	{
		auto took = pair.answered(got.index);
		if (!took)
			wrong(from, got, got, "an answer to nothing");
		auto why = owner_ ? owner_->answered(slot_of(pair, got.index), got.rdma)
				  : complaint(opt_.rdma, got.rdma, std::nullopt);
		if (!why.empty())
			wrong(from, got, got, why);
		counters_.round_trip(static_cast<std::uint64_t>(
			std::chrono::duration_cast<std::chrono::nanoseconds>(*took).count()));
	}

	[[noreturn]] void wrong(const endpoint &from, const header &got, const header &expected,
				const std::string &what) const
	{
		throw std::runtime_error("a message from " + from.text() + " to " +
					 socket_.local().text() + " is wrong: " + what +
					 "\n  got      " + describe(got) + "\n  expected " +
					 describe(expected));
	}

	void trace(const char *what, const task_pair &pair, const header &h, std::size_t size) const
	{
		if (place_.trace)
			std::fprintf(stderr, "%s %s %s: %zu bytes, %s\n",
				     socket_.local().text().c_str(), what,
				     pair.peer().text().c_str(), size, describe(h).c_str());
	}

	const shared_options &opt_;
	const task_place &place_;
	task_counters &counters_;
	task_socket socket_;
	std::vector<task_pair> pairs_;
	std::vector<std::uint8_t> buffer_;
	std::optional<rdma_owner> owner_;
	std::optional<rdma_mover> mover_;
	bool full_ = false;
	int pause_ms_ = 0;
	std::uint64_t strangers_ = 0;
};

} // namespace rds_tools::stress

#endif
