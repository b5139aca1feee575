// SPDX-License-Identifier: GPL-2.0
/*
 * A queue pair of a device with RDMA, for programs that measure what RDS costs above it. Completions are waited for with
 * events, never in a loop: where there is one CPU and time is instructions, a loop is counted, and keeps it from the
 * peer. Of soft-RoCE only: its driver is linked in, since programs are static. It belongs to the process that made it,
 * as a device's memory does not survive fork, and to one thread of it.
 */
#ifndef TESTS_PROGRAMS_VERBS_QUEUE_H
#define TESTS_PROGRAMS_VERBS_QUEUE_H

#define RDMA_STATIC_PROVIDERS rxe
#include <infiniband/verbs.h>

#include "rds_socket.h"

/* What ends with a call of @destroy. */
template <auto destroy>
struct verbs_destroyer {
	template <typename T>
	void operator()(T *object) const
	{
		destroy(object);
	}
};
template <typename T, auto destroy>
using verbs_object = std::unique_ptr<T, verbs_destroyer<destroy>>;

/* What a call of the verbs came to: null is an error. */
template <typename Object>
Object made(typename Object::pointer object, const char *what)
{
	if (!object)
		die(what);
	return Object(object);
}

/* Many of these return the error. */
inline void succeed(int err, const char *what)
{
	if (err)
		die(what, err);
}

class completion_queue {
public:
	/* @solicited: only what its sender marked is an event. */
	completion_queue(ibv_context *device, unsigned depth, bool solicited)
	    : channel_(made<channel>(::ibv_create_comp_channel(device), "completion channel")),
	      queue_(made<queue>(::ibv_create_cq(device, static_cast<int>(depth), nullptr,
						 channel_.get(), 0),
				 "completion queue")),
	      solicited_(solicited)
	{}
	/* or its destruction would wait for that */
	~completion_queue() { ::ibv_ack_cq_events(queue_.get(), events_); }
	completion_queue(const completion_queue &) = delete;

	ibv_cq *get() const { return queue_.get(); }

	/* One that is there, or null. Good until the next call. */
	const ibv_wc *take()
	{
		if (next_ == taken_) {
			int n = ::ibv_poll_cq(queue_.get(), batch, done_);
			if (n < 0)
				die("ibv_poll_cq", EIO);
			next_ = 0;
			taken_ = static_cast<unsigned>(n);
			if (!n)
				return nullptr;
		}
		const ibv_wc *wc = &done_[next_++];
		if (wc->status != IBV_WC_SUCCESS)
			die(std::string("a completion: ") + ::ibv_wc_status_str(wc->status), EIO);
		return wc;
	}

	/* What comes before the queue is armed makes no event: so it is looked at again once it is armed. */
	const ibv_wc *await()
	{
		for (;;) {
			if (const ibv_wc *wc = take())
				return wc;
			if (armed_)
				take_event();
			else
				succeed(::ibv_req_notify_cq(queue_.get(), solicited_),
					"ibv_req_notify_cq");
			armed_ = !armed_;
		}
	}

private:
	using channel = verbs_object<ibv_comp_channel, ::ibv_destroy_comp_channel>;
	using queue = verbs_object<ibv_cq, ::ibv_destroy_cq>;
	static constexpr int batch = 32;

	void take_event()
	{
		ibv_cq *of;
		void *context;
		if (::ibv_get_cq_event(channel_.get(), &of, &context))
			die("ibv_get_cq_event");
		events_++;
	}

	channel channel_;
	queue queue_;
	bool solicited_, armed_ = false;
	unsigned events_ = 0;
	unsigned next_ = 0, taken_ = 0; /* of done_ */
	ibv_wc done_[batch];
};

/* Where a queue pair is reached: what two of them must know of each other. */
struct queue_address {
	std::uint32_t number;
	ibv_gid gid;
};

class verbs_queue {
public:
	static constexpr std::uint8_t port = 1;

	/* On the device that has the address @local. Of all sends only those are reported that ask for it. */
	verbs_queue(const endpoint &local, std::span<std::uint8_t> memory, unsigned most_sends,
		    unsigned most_receives)
	    : context_(open(local)),
	      domain_(made<domain>(::ibv_alloc_pd(context_.get()), "ibv_alloc_pd")),
	      region_(made<region>(::ibv_reg_mr(domain_.get(), memory.data(), memory.size(),
						IBV_ACCESS_LOCAL_WRITE),
				   "ibv_reg_mr")),
	      sent_(context_.get(), most_sends, false),
	      received_(context_.get(), most_receives, true)
	{
		ibv_qp_init_attr want{};
		want.send_cq = sent_.get();
		want.recv_cq = received_.get();
		want.cap = {most_sends, most_receives, 2, 2, 0};
		want.qp_type = IBV_QPT_RC;
		pair_ = made<pair>(::ibv_create_qp(domain_.get(), &want), "ibv_create_qp");

		ibv_qp_attr start{};
		start.qp_state = IBV_QPS_INIT;
		start.port_num = port;
		change(start, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);
	}

	queue_address address() const { return {pair_->qp_num, gid_}; }
	ibv_sge piece(std::uint8_t *from, std::size_t length) const
	{
		return {reinterpret_cast<std::uintptr_t>(from), static_cast<std::uint32_t>(length),
			region_->lkey};
	}
	completion_queue &sent() { return sent_; }
	completion_queue &received() { return received_; }

	/* Receives are posted before, sends after that, and when the peer has done it, too. */
	void connect(const queue_address &peer)
	{
		ibv_port_attr state;
		succeed(::ibv_query_port(context_.get(), port, &state), "ibv_query_port");

		ibv_qp_attr receiving{};
		receiving.qp_state = IBV_QPS_RTR;
		receiving.path_mtu = state.active_mtu;
		receiving.dest_qp_num = peer.number;
		receiving.max_dest_rd_atomic = 1;
		receiving.min_rnr_timer = 12;
		receiving.ah_attr.is_global = 1;
		receiving.ah_attr.grh.dgid = peer.gid;
		receiving.ah_attr.grh.sgid_index = static_cast<std::uint8_t>(gid_index_);
		receiving.ah_attr.grh.hop_limit = 64;
		receiving.ah_attr.port_num = port;
		change(receiving, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN |
					  IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
					  IBV_QP_MIN_RNR_TIMER);

		ibv_qp_attr sending{};
		sending.qp_state = IBV_QPS_RTS;
		/* A second, as connections of the CM have: soft-RoCE of 6.1 sends again when it is over, acknowledged or not. */
		sending.timeout = 18;
		sending.retry_cnt = 7;
		sending.rnr_retry = 7;
		sending.max_rd_atomic = 1;
		change(sending, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
					IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
	}

	void post(ibv_send_wr *first)
	{
		ibv_send_wr *bad;
		succeed(::ibv_post_send(pair_.get(), first, &bad), "ibv_post_send");
	}
	void post(ibv_recv_wr *first)
	{
		ibv_recv_wr *bad;
		succeed(::ibv_post_recv(pair_.get(), first, &bad), "ibv_post_recv");
	}

private:
	using context = verbs_object<ibv_context, ::ibv_close_device>;
	using domain = verbs_object<ibv_pd, ::ibv_dealloc_pd>;
	using region = verbs_object<ibv_mr, ::ibv_dereg_mr>;
	using pair = verbs_object<ibv_qp, ::ibv_destroy_qp>;

	void change(ibv_qp_attr &to, int what)
	{
		succeed(::ibv_modify_qp(pair_.get(), &to, what), "ibv_modify_qp");
	}

	/* An IPv4 address is a GID as ::ffff:ADDRESS. Also sets which one it is. */
	ibv_context *open(const endpoint &local)
	{
		ibv_gid wanted{};
		wanted.raw[10] = wanted.raw[11] = 0xff;
		std::memcpy(wanted.raw + 12,
			    &reinterpret_cast<const sockaddr_in *>(local.sa())->sin_addr, 4);

		std::unique_ptr<ibv_device *, verbs_destroyer<::ibv_free_device_list>> list(
			ibv_get_device_list(nullptr));
		for (ibv_device **device = list.get(); device && *device; device++) {
			context opened(::ibv_open_device(*device));
			for (gid_index_ = 0;
			     opened && !::ibv_query_gid(opened.get(), port, gid_index_, &gid_);
			     gid_index_++)
				if (!std::memcmp(&gid_, &wanted, sizeof(gid_)))
					return opened.release();
		}
		die("a device with RDMA that has " + local.text(), ENODEV);
	}

	int gid_index_ = 0; /* of context_, and before it */
	ibv_gid gid_{};
	context context_;
	domain domain_;
	region region_;
	completion_queue sent_, received_;
	pair pair_; /* the first to go */
};

#endif
