// SPDX-License-Identifier: GPL-2.0
/*
 * What the RDS-TCP of Linux 7.0 does on the wire, as a program: eight lanes by the source port,
 * numbers that survive reconnects, everything unacknowledged sent again. wire.md 5, 8 to 10, tcp.md
 * 6 to 15. What TCP has acknowledged it never loses, and it forgets what the other TCP has
 * acknowledged. One thread, which calls step().
 */
#ifndef TESTS_PROGRAMS_SEVEN_PEER_H
#define TESTS_PROGRAMS_SEVEN_PEER_H

#include <linux/filter.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <bit>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "raw_peer.h"

constexpr unsigned max_lanes = 8;

/* What one kernel does, and another does not. */
struct manners {
	bool small = true; /* the smaller address: it opens the streams */
	unsigned npaths = max_lanes;
	bool names_lanes = true; /* SPORT_IDX */
	std::uint32_t generation = 0x70000001; /* 0: it has none (UEK) */
	bool answers = true; /* pings */

	extension says() const
	{
		extension ext{};
		std::size_t used = 0;
		if (npaths) {
			ext[used++] = 5;
			put_number(ext, used, npaths, 2);
			used += 2;
		}
		if (generation) {
			ext[used++] = 6;
			put_number(ext, used, generation, 4);
			used += 4;
		}
		if (names_lanes)
			ext[used] = 8;
		return ext;
	}
};

/* What a probe or its answer says of the other side. */
struct announcement {
	std::optional<unsigned> npaths;
	std::uint32_t generation = 0;
	bool names_lanes = false;

	static announcement read(const extension &ext)
	{
		static constexpr std::size_t sizes[] = {0, 4, 4, 8, 8, 2, 4, 4, 1, 8};
		announcement a;
		for (std::size_t at = 0;
		     at < ext.size() && ext[at] && ext[at] < std::size(sizes);) {
			std::size_t size = sizes[ext[at]];
			if (at + 1 + size > ext.size())
				break;
			if (ext[at] == 5)
				a.npaths = static_cast<unsigned>(get_number(ext, at + 1, 2));
			if (ext[at] == 6)
				a.generation = static_cast<std::uint32_t>(
					get_number(ext, at + 1, 4));
			a.names_lanes |= ext[at] == 8;
			at += 1 + size;
		}
		return a;
	}
};

struct queued_message {
	header h;
	packet payload;
	std::uint64_t end = 0; /* where it ends in the stream */
};

struct seven_lane {
	enum class phase { down, opening, up, draining };

	explicit seven_lane(unsigned i) : index(i) {}

	const unsigned index;
	int fd = -1;
	phase now = phase::down;
	bool held = false; /* not opened for now */
	timer due{0}; /* for opening, or the end of draining */
	std::uint16_t last_port = 0;

	std::deque<queued_message> queue, unacked;
	std::uint64_t tx_next = 1, rx_next = 0;
	bool map_pending = false, muted = false;
	packet out; /* the message under way */
	std::size_t out_done = 0;
	std::uint64_t written = 0, acked = 0;
	message_cutter in{64 * 1024};
	std::vector<packet> heard; /* the first headers on the first stream */

	/* what has happened on it */
	unsigned streams = 0, ended_by_peer = 0, repeated = 0, data = 0;

	bool up() const { return now == phase::up; }
};

class seven_peer {
public:
	using delivery = std::function<void(seven_lane &, const header &, const packet &)>;

	seven_peer(const endpoint &local, const endpoint &remote, const std::string &device,
		   const manners &how, std::uint64_t seed, delivery deliver)
	    : manners_(how),
	      local_(local),
	      remote_(remote),
	      device_(device),
	      random_(seed * 0x9e3779b97f4a7c15 + 1),
	      deliver_(std::move(deliver))
	{
		for (unsigned i = 0; i < max_lanes; i++)
			lanes_.emplace_back(i);
		listener_ = raw_socket(local.with_port(rds_tcp_port), device);
		if (listener_ < 0 || ::listen(listener_, 64))
			give_up("listen");
	}
	seven_peer(const seven_peer &) = delete;
	~seven_peer()
	{
		for (auto &l : lanes_)
			close_fd(l.fd);
		close_fd(listener_);
		close_fd(knock_);
		close_fd(slot_);
	}

	manners &how() { return manners_; }
	seven_lane &lane(unsigned index) { return lanes_[index]; }
	std::deque<seven_lane> &lanes() { return lanes_; }
	unsigned lane_count() const { return count_; }
	void know_lanes(unsigned count) { count_ = count; }
	unsigned handshakes() const { return handshakes_; }
	unsigned below(unsigned n) { return static_cast<unsigned>(next_random(random_) >> 16) % n; }

	unsigned lane_of(unsigned port) const { return count_ > 1 ? port % count_ : 0; }

	void send(seven_lane &l, std::uint16_t sport, std::uint16_t dport, packet payload)
	{
		if (!lanes_[0].up())
			probe();
		header h;
		h.sport = sport;
		h.dport = dport;
		append(l, h, std::move(payload));
	}
	/* Whether or not one is under way. */
	void probe_now()
	{
		probing_ = false;
		probe();
	}

	/* From here on nothing that comes is seen, no acknowledgement either. */
	void mute(seven_lane &l)
	{
		sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
		sock_fprog program{1, &nothing};
		if (::setsockopt(l.fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)))
			give_up("SO_ATTACH_FILTER");
		l.muted = true;
	}
	/* RST, with nothing lost that TCP has acknowledged. */
	void reset(seven_lane &l)
	{
		if (l.now == seven_lane::phase::down)
			return;
		if (l.now != seven_lane::phase::opening) {
			mute(l);
			read(l);
			if (l.now == seven_lane::phase::down)
				return;
			harvest(l);
		}
		abort_fd(l.fd);
		lost(l);
	}
	/* FIN, and then what still comes. */
	void finish(seven_lane &l)
	{
		if (!l.up())
			return;
		::shutdown(l.fd, SHUT_WR);
		l.now = seven_lane::phase::draining;
		l.due = timer(5000);
	}
	/* Whatever has come: the other side is told at once. */
	void acknowledge()
	{
		int one = 1;
		for (auto &l : lanes_)
			::setsockopt(l.fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
	}
	/* The machine has crashed and is back: it knows nothing. */
	void restart(std::uint32_t generation)
	{
		for (auto &l : lanes_) {
			if (l.fd >= 0)
				abort_fd(l.fd);
			lost(l);
			l.queue.clear();
			l.tx_next = 1;
			l.rx_next = 0;
		}
		count_ = 0;
		catch_up_ = 0;
		peer_generation_ = 0;
		peer_names_ = probing_ = false;
		manners_.generation = generation;
	}
	void mark_repeated()
	{
		for (auto &l : lanes_)
			for (auto &m : l.queue)
				m.h.flags |= flag_retransmitted;
	}

	/* What is to be done now, and what comes within so many milliseconds. */
	void step(int ms)
	{
		std::vector<pollfd> polls;
		std::vector<seven_lane *> whose;

		for (auto &l : lanes_)
			prepare(l);
		knock();
		for (auto &l : lanes_) {
			if (l.fd < 0)
				continue;
			short events = l.now == seven_lane::phase::opening ? POLLOUT : POLLIN;
			if (l.up() && !l.out.empty())
				events |= POLLOUT;
			polls.push_back({l.fd, events, 0});
			whose.push_back(&l);
		}
		polls.push_back({slot_ < 0 ? listener_ : -1, POLLIN, 0});
		polls.push_back({knock_, POLLOUT, 0});
		::poll(polls.data(), polls.size(), ms);
		for (std::size_t i = 0; i < whose.size(); i++)
			if (polls[i].revents)
				ready(*whose[i]);
		if (polls[whose.size()].revents)
			accept();
		/* it was heard */
		if (polls[whose.size() + 1].revents)
			close_fd(knock_);
		if (slot_ >= 0 && install(slot_))
			slot_ = -1;
	}

private:
	[[noreturn]] static void give_up(const char *what)
	{
		std::perror(what);
		std::exit(1);
	}
	static void close_fd(int &fd)
	{
		if (fd >= 0)
			::close(std::exchange(fd, -1));
	}
	static void abort_fd(int &fd)
	{
		linger now{1, 0};
		::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close_fd(fd);
	}

	/* ---- opening */

	bool wanted(const seven_lane &l) const
	{
		return manners_.small && !l.held && l.now == seven_lane::phase::down &&
		       !l.due.left() &&
		       (l.index ? l.index < count_ : count_ > 1 || !l.queue.empty());
	}

	/* Some port of the lane's class. */
	int socket_of(seven_lane &l)
	{
		for (unsigned tries = 0; tries < 1000; tries++) {
			auto port = static_cast<std::uint16_t>(32768 + below(3500) * 8 + l.index);
			if (port == l.last_port)
				continue;
			int fd = raw_socket(local_.with_port(port), device_);
			if (fd < 0 && errno == EADDRINUSE)
				continue;
			l.last_port = port;
			return fd;
		}
		return -1;
	}
	int call(seven_lane &l)
	{
		endpoint to = remote_.with_port(rds_tcp_port);
		int fd = socket_of(l);
		if (fd < 0)
			give_up("bind");
		if (::connect(fd, to.sa(), to.length()) && errno != EINPROGRESS)
			close_fd(fd);
		return fd;
	}

	void knock()
	{
		seven_lane &first = lanes_[0];
		if (manners_.small || first.fd >= 0 || first.queue.empty() || knock_ >= 0 ||
		    knock_due_.left())
			return;
		knock_due_ = timer(1000);
		knock_ = call(first);
	}

	void prepare(seven_lane &l)
	{
		if (wanted(l)) {
			l.fd = call(l);
			l.now = l.fd < 0 ? seven_lane::phase::down : seven_lane::phase::opening;
			l.due = timer(50);
		}
		if (l.now == seven_lane::phase::draining && !l.due.left())
			over(l);
		if (l.up() && !l.muted)
			harvest(l);
		if (l.up())
			flush(l);
	}

	void accept()
	{
		sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = ::accept4(listener_, reinterpret_cast<sockaddr *>(&from), &len,
				   SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (manners_.small) { /* a knock: refused, and heeded */
			abort_fd(fd);
			if (count_ <= 1)
				probe();
			return;
		}
		if (!install(fd))
			slot_ = fd;
	}
	/* To the lane that it belongs to, if that is DOWN. */
	bool install(int fd)
	{
		endpoint from;
		socklen_t len = endpoint::capacity();
		if (::getpeername(fd, from.sa(), &len)) {
			::close(fd); /* nobody is there any more */
			return true;
		}
		unsigned count = std::max(1u, count_);
		auto is_down = [](const seven_lane &l) { return l.now == seven_lane::phase::down; };
		/* that kernel always has a power of two of them */
		seven_lane *l = &lanes_[from.port() % std::bit_ceil(count)];
		if (!peer_names_)
			l = &*std::find_if(lanes_.begin(), lanes_.begin() + count - 1, is_down);
		if (!is_down(*l))
			return false;
		l->fd = fd;
		l->last_port = from.port();
		begin(*l);
		if (!count_)
			probe(*l);
		return true;
	}

	void begin(seven_lane &l)
	{
		l.now = seven_lane::phase::up;
		l.streams++;
		l.map_pending = true;
	}

	/* ---- the end of a stream */

	/* Everything unacknowledged goes in front again. */
	void lost(seven_lane &l)
	{
		l.now = seven_lane::phase::down;
		l.due = timer(static_cast<int>(10 + below(50)));
		for (; !l.unacked.empty(); l.unacked.pop_back()) {
			l.unacked.back().h.flags |= flag_retransmitted;
			l.queue.push_front(std::move(l.unacked.back()));
		}
		l.out.clear();
		l.out_done = 0;
		l.written = l.acked = 0;
		l.in.reset();
		l.muted = l.map_pending = false;
		if (!l.index)
			probe();
	}
	void over(seven_lane &l)
	{
		harvest(l);
		close_fd(l.fd);
		lost(l);
	}

	void ready(seven_lane &l)
	{
		if (l.now == seven_lane::phase::opening) {
			int err = 0;
			socklen_t len = sizeof(err);
			::getsockopt(l.fd, SOL_SOCKET, SO_ERROR, &err, &len);
			if (err) {
				close_fd(l.fd);
				lost(l);
				return;
			}
			begin(l);
			flush(l);
			return;
		}
		read(l);
		if (l.up())
			flush(l);
	}

	/* All that is there; then it may be at its end. */
	void read(seven_lane &l)
	{
		std::array<std::uint8_t, 65536> buffer;
		ssize_t n;

		while ((n = ::recv(l.fd, buffer.data(), buffer.size(), 0)) > 0)
			l.in.feed({buffer.data(), static_cast<std::size_t>(n)},
				  [&](const packet &head, const packet &body) {
					  received(l, head, body);
				  });
		if (n < 0 && errno == EAGAIN)
			return;
		if (l.up())
			l.ended_by_peer++;
		over(l);
	}

	/* ---- sending */

	void append(seven_lane &l, header h, packet payload)
	{
		h.seq = l.tx_next++;
		h.len = static_cast<std::uint32_t>(payload.size());
		l.queue.push_back({h, std::move(payload), 0});
	}
	void probe() { probe(lanes_[0]); }
	void probe(seven_lane &l)
	{
		if (std::exchange(probing_, true))
			return;
		header h;
		h.sport = probe_port;
		h.ext = manners_.says();
		append(l, h, {});
	}

	/* Lane 0 has not yet brought home what was queued on it when it was the only one. */
	bool behind() const
	{
		auto early = [this](const queued_message &m) { return m.h.seq < catch_up_; };
		const seven_lane &first = lanes_[0];
		return std::any_of(first.unacked.begin(), first.unacked.end(), early) ||
		       std::any_of(first.queue.begin(), first.queue.end(), early);
	}

	bool pick(seven_lane &l)
	{
		if (std::exchange(l.map_pending, false)) {
			l.out = map_header().message(0);
			return true;
		}
		if (l.queue.empty() ||
		    (l.index && !(l.queue.front().h.flags & flag_retransmitted) && behind()))
			return false;
		queued_message &m = l.queue.front();
		l.out = m.h.bytes();
		l.out.insert(l.out.end(), m.payload.begin(), m.payload.end());
		m.end = l.written + l.out.size();
		l.unacked.push_back(std::move(m));
		l.queue.pop_front();
		return true;
	}

	void flush(seven_lane &l)
	{
		while (!l.out.empty() || pick(l)) {
			ssize_t n = ::send(l.fd, l.out.data() + l.out_done,
					   l.out.size() - l.out_done, MSG_NOSIGNAL);
			if (n < 0)
				return; /* full; or the end, which reading will tell */
			l.written += static_cast<std::uint64_t>(n);
			l.out_done += static_cast<std::size_t>(n);
			if (l.out_done < l.out.size())
				return;
			l.out.clear();
			l.out_done = 0;
		}
	}

	void harvest(seven_lane &l)
	{
		int left = 0;
		if (::ioctl(l.fd, SIOCOUTQ, &left))
			return;
		if (l.now == seven_lane::phase::draining && left)
			left--; /* the FIN */
		l.acked = std::max(l.acked, l.written - static_cast<std::uint64_t>(left));
		while (!l.unacked.empty() && l.unacked.front().end <= l.acked)
			l.unacked.pop_front();
	}

	/* ---- receiving */

	void received(seven_lane &l, const packet &head, const packet &body)
	{
		header h = header::read(head);
		if (l.streams == 1 && l.heard.size() < 3)
			l.heard.push_back(head);
		if (h.flags == flag_map)
			return;
		if (h.seq < l.rx_next && h.flags & flag_retransmitted) {
			l.repeated++;
			return;
		}
		l.rx_next = h.seq + 1;
		if (!h.dport)
			pinged(l, h);
		else if (h.sport)
			deliver_(l, h, body);
		else if (h.dport == probe_port)
			shook(l, h);
	}
	void pinged(seven_lane &l, const header &ping)
	{
		if (!ping.sport || !manners_.answers)
			return;
		header pong;
		pong.dport = ping.sport;
		if (ping.sport == probe_port)
			pong.ext = manners_.says();
		append(l, pong, {});
		if (ping.sport == probe_port)
			shook(l, ping);
	}

	void shook(seven_lane &l, const header &h)
	{
		announcement a = announcement::read(h.ext);
		unsigned mine = std::max(1u, manners_.npaths), before = count_;

		handshakes_++;
		if (a.npaths)
			count_ = std::max(1u, std::min(mine, *a.npaths));
		else
			count_ = std::max(1u, count_);
		if (manners_.names_lanes)
			peer_names_ = a.names_lanes;
		if (a.generation && manners_.generation) {
			if (peer_generation_ && peer_generation_ != a.generation)
				forget(l, h.seq);
			peer_generation_ = a.generation;
		}
		probing_ = false;
		if (before > 1 || count_ < 2)
			return;
		catch_up_ = lanes_[0].tx_next;
		/* it must come in its own place */
		if (!manners_.small && peer_names_ && lanes_[0].up() &&
		    lanes_[0].last_port % count_) {
			finish(lanes_[0]);
		}
	}
	/* The other side has restarted. */
	void forget(seven_lane &on, std::uint64_t seq)
	{
		for (auto &l : lanes_) {
			l.tx_next = 1;
			l.rx_next = 0;
			l.queue.clear();
		}
		on.rx_next = seq + 1;
	}

	manners manners_;
	const endpoint local_, remote_;
	const std::string device_;
	std::uint64_t random_;
	delivery deliver_;
	std::deque<seven_lane> lanes_;
	int listener_ = -1, knock_ = -1, slot_ = -1;
	timer knock_due_{0};

	unsigned count_ = 0, handshakes_ = 0; /* lanes; 0: not known */
	bool peer_names_ = false, probing_ = false;
	std::uint32_t peer_generation_ = 0;
	std::uint64_t catch_up_ = 0;
};

#endif
