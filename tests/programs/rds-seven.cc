// SPDX-License-Identifier: GPL-2.0
/*
 * rds-seven: a program that is the RDS-TCP of Linux 7.0 to another machine, where an rds-echo with
 * many sockets sends back what it gets. Each message must come back once, in the order of its port,
 * with every byte, whatever happens to the lanes. Ordinary TCP, no AF_RDS socket; nothing else may
 * answer for --from, nor listen on its port 16385. Single-threaded; every wait has an end.
 */
#include <bit>
#include <cstdarg>

#include "arguments.h"
#include "seven_peer.h"

namespace {

constexpr char usage[] =
	"usage: rds-seven CASE --from ADDRESS --to ADDRESS [options]\n"
	"       rds-seven list\n"
	"  --from ADDRESS  of the program; the cases that begin with \"large\" need the\n"
	"                  larger of the two, all others the smaller\n"
	"  --to ADDRESS    where rds-echo --sockets N --bind ADDRESS:PORT runs\n"
	"  --device NAME   the VRF of --from (none)\n"
	"  --port PORT     of the first socket there (4000)\n"
	"  --sockets N     (96)\n"
	"  --count N       messages to each socket, for each part of a case (8)\n"
	"  --seed S        (1)\n"
	"  --wait S        for one event (20)\n"
	"exit:  0; 1 with a line that says what was wrong; 2 bad command line\n";

struct settings {
	endpoint from, to;
	std::string device;
	std::uint16_t port = 4000;
	unsigned sockets = 96, count = 8;
	std::uint64_t seed = 1;
	int wait_ms = 20000;
};

[[noreturn, gnu::format(printf, 1, 2)]] void wrong(const char *format, ...)
{
	va_list args;
	std::fputs("seven: ", stdout);
	va_start(args, format);
	std::vprintf(format, args);
	va_end(args);
	std::puts("");
	std::fflush(stdout);
	std::exit(1);
}

/* Numbered messages from one port for each socket, and what has come back of them. */
class talk {
public:
	talk(const settings &set, const manners &how)
	    : set_(set),
	      ports_(set.sockets),
	      peer_(set.from, set.to, set.device, how, set.seed,
		    [this](seven_lane &l, const header &h, const packet &body) {
			    came_back(l, h, body);
		    })
	{}

	seven_peer &peer() { return peer_; }
	seven_lane &lane(unsigned i) { return peer_.lane(i); }
	unsigned home() const { return home_; }

	void more(unsigned each)
	{
		for (auto &p : ports_)
			p.limit += each;
		refill();
	}

	void widen(unsigned window)
	{
		window_ = window;
		refill();
	}

	template <typename F>
	void until(const char *what, F &&done)
	{
		timer limit(set_.wait_ms);
		while (!done()) {
			if (!limit.left())
				stuck(what);
			peer_.step(10);
			refill();
		}
	}
	void until_home()
	{
		until("messages that have not come back", [this] { return home_ == wanted(); });
	}
	/* So many of those under way. */
	void until_more_home(unsigned many)
	{
		unsigned goal = std::min(home_ + many, wanted());
		until("messages under way", [this, goal] { return home_ >= goal; });
	}
	void until_up()
	{
		until("lanes that are not open", [this] {
			return peer_.lane_count() > 1 &&
			       std::all_of(peer_.lanes().begin(),
					   peer_.lanes().begin() + peer_.lane_count(),
					   [](const seven_lane &l) { return l.up(); });
		});
	}
	/* All of it; then once more, behind what may still have been under way. */
	void finish()
	{
		until_home();
		more(1);
		until_home();
		std::printf("seven: %u messages", home_);
		for (auto &l : peer_.lanes())
			std::printf(" [%u: streams=%u ended=%u repeated=%u data=%u]", l.index,
				    l.streams, l.ended_by_peer, l.repeated, l.data);
		std::puts("");
	}
	/* The other side spreads its sockets over a power of two; who only answers is not on the first. */
	void every_lane_carried()
	{
		for (unsigned i = 1; i < std::bit_floor(peer_.lane_count()); i++)
			if (!lane(i).data)
				wrong("nothing came back on lane %u", i);
	}

private:
	static constexpr std::uint16_t first_port = 6000;

	struct flow {
		unsigned sent = 0, expected = 0, limit = 0;
	};

	unsigned wanted() const
	{
		unsigned sum = 0;
		for (auto &p : ports_)
			sum += p.limit;
		return sum;
	}

	static packet build(unsigned port, unsigned number)
	{
		std::uint64_t random = (port * 0x10001ull + number + 1) * 0x9e3779b97f4a7c15;
		packet out(8 + next_random(random) % 2000);
		for (auto &byte : out)
			byte = static_cast<std::uint8_t>(next_random(random) >> 24);
		put_number(out, 0, port, 4);
		put_number(out, 4, number, 4);
		return out;
	}

	void refill()
	{
		for (unsigned i = 0; i < ports_.size(); i++)
			for (flow &f = ports_[i]; f.sent < f.limit && f.sent - f.expected < window_;
			     f.sent++)
				peer_.send(lane(peer_.lane_of(i)),
					   static_cast<std::uint16_t>(first_port + i),
					   static_cast<std::uint16_t>(set_.port + i),
					   build(i, f.sent));
	}

	void came_back(seven_lane &l, const header &h, const packet &body)
	{
		unsigned i = h.dport - first_port;
		if (i >= ports_.size() || h.sport != set_.port + i || body.size() < 8)
			wrong("a message from %u to %u that nobody waits for", h.sport, h.dport);
		auto number = static_cast<unsigned>(get_number(body, 4, 4));
		flow &f = ports_[i];
		l.data++;
		if (number < f.expected)
			wrong("lane %u: port %u: %u came back twice, %u was expected", l.index, i,
			      number, f.expected);
		if (number > f.expected)
			wrong("lane %u: port %u: %u came back, %u is missing", l.index, i, number,
			      f.expected);
		if (body != build(i, number))
			wrong("lane %u: port %u: %u came back as something else", l.index, i,
			      number);
		f.expected++;
		home_++;
	}

	[[noreturn]] void stuck(const char *what)
	{
		for (auto &l : peer_.lanes())
			std::printf("seven: lane %u: phase=%u streams=%u ended=%u queue=%zu "
				    "unacked=%zu data=%u\n",
				    l.index, static_cast<unsigned>(l.now), l.streams,
				    l.ended_by_peer, l.queue.size(), l.unacked.size(), l.data);
		unsigned shown = 0;
		for (unsigned i = 0; i < ports_.size() && shown < 8; i++)
			if (ports_[i].expected < ports_[i].limit && shown++ < 8)
				std::printf("seven: port %u (lane %u): %u of %u, %u sent\n", i,
					    peer_.lane_of(i), ports_[i].expected, ports_[i].limit,
					    ports_[i].sent);
		wrong("waited in vain for %s; %u of %u are home, %u lanes", what, home_, wanted(),
		      peer_.lane_count());
	}

	const settings &set_;
	std::vector<flow> ports_;
	unsigned home_ = 0, window_ = 4; /* from each port, under way */
	seven_peer peer_;
};

manners large()
{
	manners how;
	how.small = false;
	return how;
}

/* Older kernels of that kind have no generation. */
manners uek(manners how)
{
	how.generation = 0;
	return how;
}

/* Linux 6.x: ports say nothing, streams are taken as they come. */
manners six(manners how)
{
	how.names_lanes = false;
	return how;
}

/* ----------------------------------------------------------------- cases */

void whole_life(const settings &set, const manners &how)
{
	talk t(set, how);
	t.more(set.count);
	t.until_up();
	t.more(set.count);
	t.finish();
	t.every_lane_carried();
}

void case_small(const settings &set)
{
	whole_life(set, {});
}
void case_small_uek(const settings &set)
{
	whole_life(set, uek({}));
}
void case_large_uek(const settings &set)
{
	whole_life(set, uek(large()));
}

/* It has eight lanes, and none but the first with the other side. */
void one_lane(const settings &set, const manners &how)
{
	talk t(set, how);
	t.more(set.count);
	t.finish();
	for (auto &l : t.peer().lanes())
		if (l.index && l.streams)
			wrong("lane %u was open", l.index);
}
void case_six(const settings &set)
{
	one_lane(set, six({}));
}
void case_large_six(const settings &set)
{
	one_lane(set, six(large()));
}
/* For these the other side has rds.lanes_unnamed=8. */
void case_six_eight(const settings &set)
{
	whole_life(set, six({}));
}
void case_large_six_eight(const settings &set)
{
	whole_life(set, six(large()));
}

/*
 * The other side has lost its memory, we have not: numbers are high, everything was sent before, and
 * all lanes want to be back at once.
 */
void remember(talk &t, unsigned count)
{
	t.peer().know_lanes(max_lanes);
	for (auto &l : t.peer().lanes()) {
		l.held = true;
		/* in no order: what is old for one lane is new for another */
		l.tx_next = 1000 + 5000 * ((l.index * 3 + 5) % max_lanes);
	}
	t.more(count);
	t.peer().mark_repeated();
}

/*
 * Lane @first alone, until the other side knows what that is. Then the others. @cut: what came on it
 * at last is sent again.
 */
void first_is(const settings &set, unsigned first, bool cut)
{
	talk t(set, {});
	remember(t, 2 * set.count);
	seven_lane &l = t.lane(first);
	l.held = false;
	if (cut) {
		t.until("a handshake", [&] { return t.peer().handshakes() > 0; });
		if (l.up())
			t.peer().mute(l);
		t.widen(set.count);
		t.peer().step(1);
		t.peer().reset(l);
	} else {
		t.until("the end of a stream that was taken for lane 0's",
			[&] { return l.ended_by_peer > 0; });
	}
	for (auto &other : t.peer().lanes())
		other.held = false;
	t.more(set.count);
	t.finish();
	t.every_lane_carried();
}
void case_lane_5_first(const settings &set)
{
	first_is(set, 5, false);
}
void case_lane_1_first(const settings &set)
{
	first_is(set, 1, false);
}
void case_lane_5_cut(const settings &set)
{
	first_is(set, 5, true);
}

/* All together, SYNs in any order. */
void case_any_order(const settings &set)
{
	talk t(set, {});
	std::vector<unsigned> order = {5, 3, 7, 0, 1, 6, 2, 4};
	for (std::size_t i = order.size() - 1; i; i--)
		std::swap(order[i], order[t.peer().below(static_cast<unsigned>(i) + 1)]);
	remember(t, set.count);
	for (unsigned i : order) {
		t.lane(i).held = false;
		t.peer().step(0);
	}
	t.until_up();
	t.more(set.count);
	t.finish();
	t.every_lane_carried();
}

/* Each alone and pairs, by RST and by FIN, while messages are on their way. */
void cut_lanes(talk &t, const settings &set, bool may_finish)
{
	auto cut = [&](unsigned i, bool by_reset) {
		if (by_reset)
			t.peer().reset(t.lane(i));
		else
			t.peer().finish(t.lane(i));
	};
	t.more(set.count);
	t.until_up();
	for (unsigned round = 0; round < 4 * max_lanes; round++) {
		bool pair = round >= 2 * max_lanes, by_reset = round % 2 || !may_finish;
		unsigned one = pair ? t.peer().below(max_lanes) : round / 2 % max_lanes;
		unsigned other = (one + 1 + t.peer().below(max_lanes - 1)) % max_lanes;
		t.more(2);
		t.until_more_home(set.sockets / 2);
		t.until("a lane to cut", [&] { return t.lane(one).up() && t.lane(other).up(); });
		/* some arrives, but we do not hear of it: it is sent again */
		if (by_reset) {
			t.peer().mute(t.lane(one));
			t.more(1);
			t.peer().step(1);
		}
		cut(one, by_reset);
		if (pair)
			cut(other, t.peer().below(2) || !may_finish);
	}
	t.finish();
	t.every_lane_carried();
}
void case_resets(const settings &set)
{
	talk t(set, {});
	cut_lanes(t, set, true);
}
void case_large_resets(const settings &set)
{
	talk t(set, large());
	cut_lanes(t, set, true);
}

/* We crash and are back, several times; the first stream is lost at once, so all is sent again. */
void case_restart(const settings &set)
{
	talk t(set, {});
	t.more(4 * set.count);
	t.until_up();
	for (unsigned life = 2; life < 6; life++) {
		t.until_home();
		t.peer().acknowledge();
		t.peer().restart(0x70000000 + life);
		t.more(2);
		/* as if the first stream had never come; or had, without our knowing */
		t.peer().mark_repeated();
		if (life % 2) {
			t.until("a stream", [&] { return t.lane(0).up(); });
			t.peer().mute(t.lane(0));
			t.peer().step(1);
			t.peer().reset(t.lane(0));
		}
		t.until_up();
	}
	t.finish();
}

/* What has come on the first stream: map, then the probe, each as it must be. */
void check_probe(talk &t)
{
	auto &heard = t.lane(0).heard;
	if (heard.size() < 2)
		wrong("nothing but %zu headers on lane 0", heard.size());
	if (heard[0] != map_header().bytes())
		wrong("no congestion map at first");
	packet got = heard[1];
	header probe;
	probe.seq = get_number(got, 0, 8);
	probe.sport = probe_port;
	/* nothing of lanes before we are known */
	probe.ext = {6, got[33], got[34], got[35], got[36], 8};
	if (got != probe.bytes() || !get_number(got, 33, 4))
		wrong("the probe is not what Linux 7.0 sends, but for the lanes");
}

/* It cannot ask for lanes: all are opened for it, before anybody needs one, each from a port of its own. */
void case_large(const settings &set)
{
	talk t(set, large());
	t.peer().probe_now();
	t.until_up();
	check_probe(t);
	for (auto &l : t.peer().lanes())
		if (l.last_port % max_lanes != l.index)
			wrong("lane %u comes from port %u", l.index, l.last_port);
	t.more(set.count);
	t.finish();
	t.every_lane_carried();
}

/* net.rds.ping_enable is off there; its own probes must do. */
void case_large_deaf(const settings &set)
{
	manners how = large();
	how.answers = false;
	whole_life(set, how);
}

/* A number of lanes that no mask makes. */
void case_small_three(const settings &set)
{
	manners how;
	how.npaths = 3;
	whole_life(set, how);
}
void case_large_three(const settings &set)
{
	manners how = large();
	how.npaths = 3;
	whole_life(set, how);
}

/* Answers are queued on all lanes when the number of lanes shrinks. */
void case_shrink(const settings &set)
{
	talk t(set, {});
	t.more(set.count);
	t.until_up();
	t.until_home();
	for (unsigned round = 0; round < 3; round++) {
		/* what comes back on the others is queued until they are open again */
		t.more(4);
		t.peer().step(1);
		for (unsigned i = 1; i < max_lanes; i++) {
			t.lane(i).held = true;
			t.peer().reset(t.lane(i));
		}
		for (unsigned paths : {0u, 1u}) {
			t.peer().how().npaths = paths;
			/* at last it forgets to name its lanes, too */
			t.peer().how().names_lanes = round < 2;
			unsigned before = t.peer().handshakes();
			t.peer().probe_now();
			t.until("an answer to a probe",
				[&] { return t.peer().handshakes() > before; });
			t.peer().know_lanes(max_lanes);
		}
		for (auto &l : t.peer().lanes())
			l.held = false;
		t.peer().how() = {};
		if (round)
			t.peer().probe_now();
		t.until_up();
		t.until_home();
	}
	t.finish();
}

struct test_case {
	const char *name;
	void (*run)(const settings &);
};

constexpr test_case cases[] = {
	{"small", case_small},
	{"small-uek", case_small_uek},
	{"six", case_six},
	{"large-six", case_large_six},
	{"six-eight", case_six_eight},
	{"large-six-eight", case_large_six_eight},
	{"lane-5-first", case_lane_5_first},
	{"lane-1-first", case_lane_1_first},
	{"lane-5-cut", case_lane_5_cut},
	{"any-order", case_any_order},
	{"resets", case_resets},
	{"restart", case_restart},
	{"three", case_small_three},
	{"shrink", case_shrink},
	{"large", case_large},
	{"large-uek", case_large_uek},
	{"large-deaf", case_large_deaf},
	{"large-resets", case_large_resets},
	{"large-three", case_large_three},
};

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	std::string name = args.command();
	settings set;

	if (name == "list") {
		args.finish();
		for (const auto &c : cases)
			std::puts(c.name);
		return 0;
	}
	auto from = args.address("--from"), to = args.address("--to");
	if (!from || !to || from->family() != to->family())
		args.fail("--from and --to are needed, of one family");
	set.from = *from;
	set.to = *to;
	set.device = args.text("--device", "");
	set.port = static_cast<std::uint16_t>(args.number("--port", set.port, 60000));
	set.sockets = static_cast<unsigned>(args.number("--sockets", set.sockets, 1000));
	set.count = static_cast<unsigned>(args.number("--count", set.count, 1000000));
	set.seed = args.number("--seed", set.seed);
	set.wait_ms = static_cast<int>(args.number("--wait", 20, 3600) * 1000);
	args.finish();

	for (const auto &c : cases)
		if (name == c.name) {
			c.run(set);
			return 0;
		}
	args.fail("there is no case " + name);
}
