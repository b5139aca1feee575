// SPDX-License-Identifier: GPL-2.0
/*
 * The limit of RDS over InfiniBand: the same messages over a queue pair, without RDS. As there, a message is cut into
 * pieces of a page, each a SEND with 48 bytes before it; there are as many places in the rings, and as few sends are
 * reported. send() copies the message, as its memory must be free after it, and receive() copies what came.
 *
 * Counted: these copies, a system call for each send(), and three for each time that an end has to wait (arm, read the
 * event; another look costs none). Not counted, since it is not done: sockets, acknowledgements (those of the device are
 * counted), congestion maps, checks of what comes. It has to tell how many receives are posted again: in the 48 bytes, and
 * one way in a message of its own for each quarter of the ring; a sender that overran it would wait for timers.
 * One process uses one end.
 */
#ifndef TESTS_PROGRAMS_BENCH_VERBS_H
#define TESTS_PROGRAMS_BENCH_VERBS_H

#include <sys/mman.h>

#include "bench_traffic.h"
#include "verbs_queue.h"

class verbs_end {
public:
	/* @agree: one end of a socket pair; the peer has the other. */
	verbs_end(const endpoint &local, int agree, std::size_t size)
	    : local_(local), agree_(agree), data_(size, 0x5a)
	{}

	bool send(std::uint64_t number)
	{
		begin();
		std::size_t at = 0;
		do {
			at = send_run(number, at);
		} while (at < data_.size());
		return true;
	}

	/* False: another message than that one. */
	bool receive(std::uint64_t number)
	{
		begin();
		std::size_t at = 0;
		for (;;) {
			std::uint64_t place = queue_->received().await()->wr_id;
			const header *h = received_header(place);
			peer_consumed_ = h->consumed;
			bool payload = !h->credits, last = payload && h->last;
			if (payload && (h->number != number || h->offset != at ||
					h->length > std::min(piece, data_.size() - at)))
				return false;
			if (payload) {
				std::memcpy(data_.data() + at, received_piece(place), h->length);
				at += h->length;
				consumed_++;
			}
			post_receive(place);
			if (consumed_ - told_ >= receives / 4)
				send_credits();
			if (last)
				return at == data_.size();
		}
	}

	/* Credits are what paces it. */
	bool pace(std::uint64_t) { return true; }
	bool let_go_on(std::uint64_t) { return true; }

private:
	/* RDS's own defaults. */
	static constexpr std::size_t piece = 4096;
	static constexpr unsigned sends = 256, receives = 1024, unreported = 16;
	/* Places for messages of credits: the peer takes four at most before it sends again. */
	static constexpr unsigned window = receives - 16;
	/* In one call. */
	static constexpr unsigned run = 32;

	struct header {
		std::uint64_t number;
		std::uint32_t consumed; /* pieces, ever; it wraps */
		std::uint32_t offset, length;
		std::uint8_t last, credits;
		std::uint8_t rest[framing - 24];
	};
	static_assert(sizeof(header) == framing);

	/* In the process that uses it. */
	void begin()
	{
		if (queue_)
			return;
		constexpr std::size_t octets = (sends + receives) * (piece + framing);
		void *at = ::mmap(nullptr, octets, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (at == MAP_FAILED)
			die("mmap");
		pieces_ = static_cast<std::uint8_t *>(at);
		headers_ = reinterpret_cast<header *>(pieces_ + (sends + receives) * piece);
		queue_ = std::make_unique<verbs_queue>(local_, std::span(pieces_, octets), sends,
						       receives);
		for (unsigned i = 0; i < receives; i++)
			post_receive(i);
		queue_->connect(exchange(queue_->address()));
		exchange('r'); /* ready */
	}

	template <typename T>
	T exchange(const T &ours)
	{
		T theirs;
		if (::send(agree_, &ours, sizeof(ours), MSG_NOSIGNAL) != sizeof(ours) ||
		    ::recv(agree_, &theirs, sizeof(theirs), 0) != sizeof(theirs))
			die("the other end is gone", EPIPE);
		return theirs;
	}

	header *sent_header(std::uint64_t place) { return headers_ + place; }
	header *received_header(std::uint64_t place) { return headers_ + sends + place; }
	std::uint8_t *sent_piece(std::uint64_t place) { return pieces_ + place * piece; }
	std::uint8_t *received_piece(std::uint64_t place)
	{
		return pieces_ + (sends + place) * piece;
	}

	void post_receive(std::uint64_t place)
	{
		ibv_sge parts[] = {queue_->piece(bytes(received_header(place)), framing),
				   queue_->piece(received_piece(place), piece)};
		ibv_recv_wr wr{};
		wr.wr_id = place;
		wr.sg_list = parts;
		wr.num_sge = 2;
		queue_->post(&wr);
	}

	/* As much of the message from @at on as there is room for, but for one piece at least; returns where it ended. */
	std::size_t send_run(std::uint64_t number, std::size_t at)
	{
		await_credit();
		unsigned most = std::min({run, await_place(), credit()});
		chain c;
		do {
			std::size_t length = std::min(piece, data_.size() - at);
			header h{};
			h.number = number;
			h.offset = static_cast<std::uint32_t>(at);
			h.length = static_cast<std::uint32_t>(length);
			h.last = at + length == data_.size();
			std::memcpy(sent_piece(posted_ % sends), data_.data() + at, length);
			add(c, h);
			at += length;
		} while (c.count < most && at < data_.size());
		pieces_sent_ += c.count;
		queue_->post(c.wr);
		return at;
	}

	void send_credits()
	{
		await_place();
		header h{};
		h.credits = 1;
		chain c;
		add(c, h);
		queue_->post(c.wr);
	}

	/* What goes into one call of the verbs. */
	struct chain {
		unsigned count = 0;
		ibv_send_wr wr[run];
		ibv_sge parts[run][2];
	};

	/* The data is in the piece of its place. */
	void add(chain &c, header &h)
	{
		std::uint64_t place = posted_++ % sends;
		h.consumed = told_ = consumed_;
		*sent_header(place) = h;
		c.parts[c.count][0] = queue_->piece(bytes(sent_header(place)), framing);
		c.parts[c.count][1] = queue_->piece(sent_piece(place), h.length);

		ibv_send_wr &wr = c.wr[c.count];
		wr = {};
		wr.wr_id = posted_;
		wr.sg_list = c.parts[c.count];
		wr.num_sge = h.length ? 2 : 1;
		wr.opcode = IBV_WR_SEND;
		if (h.last || h.credits)
			wr.send_flags |= IBV_SEND_SOLICITED;
		if (!(posted_ % unreported))
			wr.send_flags |= IBV_SEND_SIGNALED;
		if (c.count++)
			c.wr[c.count - 2].next = &wr;
	}

	/* How many there are in the ring of sends: those before a reported one are free, too. */
	unsigned await_place()
	{
		while (posted_ - reported_ == sends)
			reported_ = queue_->sent().await()->wr_id;
		return sends - static_cast<unsigned>(posted_ - reported_);
	}

	unsigned credit() const { return window - (pieces_sent_ - peer_consumed_); }

	void await_credit()
	{
		while (!credit()) {
			std::uint64_t place = queue_->received().await()->wr_id;
			const header *h = received_header(place);
			if (!h->credits)
				die("both ends send at once: not foreseen", EDEADLK);
			peer_consumed_ = h->consumed;
			post_receive(place);
		}
	}

	static std::uint8_t *bytes(header *h) { return reinterpret_cast<std::uint8_t *>(h); }

	endpoint local_;
	int agree_;
	std::vector<std::uint8_t> data_;
	std::uint8_t *pieces_ = nullptr; /* those of sends, those of receives; then the headers */
	header *headers_ = nullptr;
	std::unique_ptr<verbs_queue> queue_;
	std::uint64_t posted_ = 0, reported_ = 0; /* sends */
	std::uint32_t pieces_sent_ = 0, peer_consumed_ = 0, consumed_ = 0, told_ = 0;
};

struct verbs_wire {
	verbs_end left, right;
};

inline measured measure_verbs(const traffic_plan &plan, const effort &e)
{
	std::vector<verbs_wire> wires;
	place p = place::rdma(0);
	for (unsigned i = 0; i < plan.pairs; i++) {
		int agree[2];
		if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, agree))
			die("socketpair");
		wires.push_back({verbs_end(p.left, agree[0], plan.size),
				 verbs_end(p.right, agree[1], plan.size)});
	}
	/*
	 * Soft-RoCE of 6.1 leaves each send to ksoftirqd, after which the scheduler chooses the reader, though only one
	 * message has come: three switches for each, half of the cost of a small one. With RDS there is about one.
	 */
	return measure_wires(wires, plan, e, manners::humble);
}

#endif
