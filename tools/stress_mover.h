// SPDX-License-Identifier: GPL-2.0
/*
 * The side of RDMA that answers: an operation that goes with each answer, and the notification of
 * its end, before which the buffer is the device's. Owned by a task, one thread; errors are
 * exceptions: RDMA is not reliable, and a run whose operation failed proves nothing.
 */
#ifndef RDS_TOOLS_STRESS_MOVER_H
#define RDS_TOOLS_STRESS_MOVER_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "stress_memory.h"
#include "stress_message.h"
#include "stress_pair.h"
#include "stress_rdma.h"
#include "stress_socket.h"
#include "stress_stats.h"

namespace rds_tools::stress {

class rdma_mover {
public:
	rdma_mover(const shared_options &opt, const task_socket &socket, task_counters &counters)
	    : opt_(opt.rdma),
	      verify_(opt.verify),
	      socket_(socket),
	      counters_(counters),
	      slots_(std::size_t{opt.tasks} * opt.depth),
	      memory_(opt.rdma, slots_.size())
	{}

	/* The peer has the answer, and asks again, maybe before we are told of the operation's end. */
	bool busy(std::size_t number) const { return slots_[number].under_way.has_value(); }

	/* The control message of the answer. Holds until sendmsg has returned. */
	void prepare(std::size_t number, const ack_due &due, std::uint32_t sequence,
		     control_message &control)
	{
		auto memory = memory_.slot(number);
		bool write = due.rdma.op == rdma_operation::write;
		if (verify_ && write)
			fill_vectors(memory, opt_, due.pattern, vector_order::reversed);
		next_ = {sequence, static_cast<std::uint32_t>(number), due.rdma.op};
		vectors_ = local_vectors(address_of(memory.data()), opt_);

		rds_rdma_args args{};
		args.cookie = due.rdma.key;
		args.remote_vec = {0, opt_.total()};
		args.local_vec_addr = address_of(vectors_.data());
		args.nr_local = vectors_.size();
		args.flags = RDS_RDMA_NOTIFY_ME | (write ? RDS_RDMA_READWRITE : 0) |
			     (!write && opt_.use_fence ? RDS_RDMA_FENCE : 0);
		args.user_token = next_.encode();
		control.put(socket_.level(), RDS_CMSG_RDMA_ARGS, args);
	}

	/* The answer that was prepared last has gone. */
	void begun(const ack_due &due) { slots_[next_.slot] = {next_, due.pattern}; }

	void ended(const rds_rdma_notify &notice)
	{
		auto token = rdma_token::decode(notice.user_token);
		if (token.slot >= slots_.size() || slots_[token.slot].under_way != token)
			throw std::runtime_error("a notification of an RDMA operation that is not "
						 "under way, token " +
						 std::to_string(notice.user_token));
		slot &s = slots_[token.slot];
		s.under_way.reset();
		bool read = token.op == rdma_operation::read;
		std::string what = std::string("RDMA ") + (read ? "read" : "write") +
				   " with message " + std::to_string(token.sequence) + ": ";
		if (notice.status != RDS_RDMA_SUCCESS)
			throw std::runtime_error(what + describe_status(notice.status));
		task_counters::add(read ? counters_.rdma_in : counters_.rdma_out, opt_.total());
		if (!verify_ || !read)
			return;
		if (auto at = vectors_differ(memory_.slot(token.slot), opt_, s.pattern,
					     vector_order::reversed))
			throw std::runtime_error(what + "what was read differs at byte " +
						 std::to_string(*at));
	}

private:
	struct slot {
		std::optional<rdma_token> under_way;
		std::uint64_t pattern = 0;
	};

	const rdma_options &opt_;
	bool verify_;
	const task_socket &socket_;
	task_counters &counters_;
	std::vector<slot> slots_;
	rdma_memory memory_;
	rdma_token next_;
	std::vector<rds_iovec> vectors_;
};

} // namespace rds_tools::stress

#endif
