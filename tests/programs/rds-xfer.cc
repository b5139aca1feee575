// SPDX-License-Identifier: GPL-2.0
/*
 * rds-xfer: sends messages whose order, sizes and contents follow from a seed, or a file, and
 * checks on the other side that each arrived once, in order, with every byte. Used by the VM
 * scenarios. One thread for each socket; the main thread prints progress and notices when nothing
 * moves any more.
 *
 * Conversation of a flow: hello (repeated until answered) / welcome, data, fin / ack. The hello
 * tells the plan, so both sides may start in any order. The ack fills the receiver's send buffer,
 * hence POLLOUT tells it when the ack has left; nobody sleeps or guesses.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cinttypes>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "arguments.h"
#include "flow_check.h"
#include "rds_socket.h"
#include "traffic.h"

namespace {

constexpr char usage[] =
	"usage: rds-xfer send --bind A:P --to B:Q [options]\n"
	"       rds-xfer recv --bind A:P [options]\n"
	"both:  --pairs K       K consecutive ports, one flow each (1)\n"
	"       --timeout S     fail if nothing moves for S seconds (20)\n"
	"       --no-hello      start with the first message; both sides are given\n"
	"                       the same --count, --sizes and --seed\n"
	"       --count N       messages of each flow (1000; recv: as the sender says)\n"
	"       --sizes WHAT    N, A-B, mix or mix:MAX (mix, up to 65536)\n"
	"       --seed S        (1)\n"
	"       --quiet         no progress lines\n"
	"       --every MS      time between them (1000)\n"
	"send:  --nonblock      MSG_DONTWAIT and poll; else the kernel waits\n"
	"       --no-monitor    without RDS_CONG_MONITOR\n"
	"       --late-ms N     a wait this long is counted as late (default 1000)\n"
	"       --zerocopy N    from N buffers, with MSG_ZEROCOPY\n"
	"       --sndbuf N      usable bytes of the send buffer (at least the largest message)\n"
	"       --file PATH     send a file in datagrams of 1 byte to 512 KiB\n"
	"recv:  --senders N     flows to each port (1)\n"
	"       --rcvbuf N      usable bytes of the receive buffer\n"
	"       --delay-us N    wait before each message, to provoke congestion\n"
	"       --out PATH      where to write the file\n"
	"exit:  0 if everything was exact, 1 if not, 2 for a bad command line\n";

struct settings {
	endpoint local, remote;
	unsigned pairs = 1, senders = 1, timeout = 20, delay_us = 0, every_ms = 1000, zerocopy = 0;
	std::uint64_t count = 0, seed = 1;
	std::size_t sndbuf = 0, rcvbuf = 0;
	size_spec sizes;
	bool hello = true, nonblock = false, monitor = true, quiet = false;
	std::string file, out;
};

struct hello_body {
	std::uint64_t seed, count, file_bytes, nonce;
	std::uint32_t sender, mode, min, max;
};

/* What all threads add up, for the progress lines and the summary. */
struct totals {
	std::atomic<std::uint64_t> messages{0}, bytes{0}, goal{0}, events{0}, flows{0};
	std::atomic<std::uint64_t> stray{0}, refused{0};
	flow_errors wrong;
	std::atomic<unsigned> running{0};
	soft_errors soft;
	std::mutex lock; /* guards sums and stderr */
	std::condition_variable ended; /* a thread has */
	std::map<std::uint16_t, std::string> sums; /* by the port of the sender, on both sides */

	std::uint64_t errors() const { return wrong.sum() + stray + refused; }
};

totals total;

void complain(const std::string &what)
{
	static int left = 40;
	std::lock_guard guard(total.lock);

	if (left-- > 0)
		std::fprintf(stderr, "rds-xfer: %s\n", what.c_str());
}

/* ------------------------------------------------------------------ receiving */

class receiver {
public:
	receiver(const settings &set, const endpoint &local) : set_(set), local_(local)
	{
		if (set_.rcvbuf)
			socket_.raise_rcvbuf(set_.rcvbuf);
		socket_.bind(local_);
		ack_size_ = socket_.shrink_sndbuf();
		if (!set_.out.empty() && !(out_ = std::fopen(set_.out.c_str(), "wb")))
			die(set_.out);
	}

	void run()
	{
		std::vector<std::uint8_t> buffer(max_message + 1);

		while (finished_ < set_.senders) {
			received got;
			if (!socket_.receive(buffer, got, total.soft)) {
				socket_.wait(POLLIN, rds_socket::late_ms);
				continue;
			}
			total.events++;
			handle({buffer.data(), got.size}, got);
			if (set_.delay_us)
				std::this_thread::sleep_for(
					std::chrono::microseconds(set_.delay_us));
		}
		if (out_ && std::fclose(out_))
			die(set_.out);
	}

private:
	struct flow {
		flow_check check;
		std::vector<std::uint8_t> hello;
	};

	void handle(std::span<const std::uint8_t> message, const received &got)
	{
		auto key = got.from.text();
		auto it = flows_.find(key);
		if (it == flows_.end()) {
			it = open_flow(message, got.from);
			if (it == flows_.end() || set_.hello)
				return;
		}

		flow &f = it->second;
		if (!f.check.next() && !f.hello.empty() && std::ranges::equal(message, f.hello))
			return welcome(got.from);
		if (auto fin = control_body<end_body>(message_type::fin, message);
		    fin && (!f.check.plan().file_bytes || f.check.data_complete()))
			return finish(f, *fin, got.from);
		if (f.check.done() || f.check.data_complete()) {
			total.stray++;
			return complain(key + ": a message behind the last one");
		}
		f.check.take(message, got.truncated, out_);
		total.messages++;
		total.bytes += message.size();
	}

	std::map<std::string, flow>::iterator open_flow(std::span<const std::uint8_t> message,
							const endpoint &from)
	{
		flow_plan plan{set_.seed, set_.count, 0, from.port(), set_.sizes};
		std::vector<std::uint8_t> kept;

		if (set_.hello) {
			auto hello = control_body<hello_body>(message_type::hello, message);
			if (!hello || flows_.size() >= set_.senders) {
				total.stray++;
				complain("a message of " + std::to_string(message.size()) +
					 " bytes from a stranger, " + from.text());
				return flows_.end();
			}
			if (set_.count && hello->count != set_.count)
				die("the sender has another count in mind", EPROTO);
			plan = {hello->seed,
				hello->count,
				hello->file_bytes,
				hello->sender,
				{static_cast<size_mode>(hello->mode), hello->min, hello->max}};
			kept.assign(message.begin(), message.end());
			welcome(from);
		}
		total.flows++;
		total.goal += plan.file_bytes ? plan.file_bytes : plan.count;
		std::string name = local_.text() + " from " + from.text();
		return flows_
			.emplace(from.text(),
				 flow{flow_check(plan, name, total.wrong, complain), kept})
			.first;
	}

	void welcome(const endpoint &to)
	{
		socket_.send_patiently(to, control_message(message_type::welcome, std::uint64_t{0}),
				       total.soft);
	}

	void finish(flow &f, const end_body &said, const endpoint &to)
	{
		if (f.check.done()) {
			total.stray++;
			return complain("a second fin");
		}
		end_body result = f.check.finish(said);
		{
			std::lock_guard guard(total.lock);
			total.sums[to.port()] = hex(result.sum);
		}
		socket_.wait_until_acknowledged();
		socket_.send_patiently(to, control_message(message_type::ack, result, ack_size_),
				       total.soft);
		socket_.wait_until_acknowledged();
		finished_++;
	}

	const settings &set_;
	endpoint local_;
	rds_socket socket_;
	std::size_t ack_size_;
	std::FILE *out_ = nullptr;
	std::map<std::string, flow> flows_;
	unsigned finished_ = 0;
};

/* -------------------------------------------------------------------- sending */

class sender {
public:
	sender(const settings &set, const endpoint &local, const endpoint &remote)
	    : set_(set), local_(local), remote_(remote), buffer_(max_message + 1)
	{
		plan_ = {set.seed, set.count, 0, local.port(), set.sizes};
		if (!set_.file.empty())
			open_file();
		socket_.raise_sndbuf(
			std::max<std::size_t>({set_.sndbuf, plan_.sizes.max, std::size_t{4096}}));
		socket_.bind(local_);
		if (set_.nonblock && set_.monitor)
			socket_.monitor_congestion();
		if (set_.zerocopy)
			socket_.zerocopy(set_.zerocopy);
		total.goal += plan_.file_bytes ? plan_.file_bytes : plan_.count;
		total.flows++;
	}

	void run()
	{
		if (set_.hello)
			greet();
		end_body end = plan_.file_bytes ? send_file() : send_pattern();
		socket_.send_patiently(remote_, control_message(message_type::fin, end),
				       total.soft);
		await_ack(end);
		socket_.wait_for_completions(total.soft);
	}

private:
	/* The receiver may not be there yet: then a hello is dropped without a word. */
	void greet()
	{
		constexpr int again_ms = 250;
		auto nonce = std::chrono::steady_clock::now().time_since_epoch().count();
		hello_body body{plan_.seed,	  plan_.count,
				plan_.file_bytes, static_cast<std::uint64_t>(nonce),
				plan_.sender,	  static_cast<std::uint32_t>(plan_.sizes.mode),
				plan_.sizes.min,  plan_.sizes.max};
		auto hello = control_message(message_type::hello, body);

		for (;;) {
			socket_.send_patiently(remote_, hello, total.soft);
			if (await(message_type::welcome, again_ms))
				return;
		}
	}

	bool await(message_type type, int ms)
	{
		using clock = std::chrono::steady_clock;
		auto until = clock::now() + std::chrono::milliseconds(ms);

		for (;;) {
			received got;
			if (socket_.receive(buffer_, got, total.soft)) {
				std::span<const std::uint8_t> message(buffer_.data(), got.size);
				if (got.from == remote_ && is(message, type))
					return true;
				if (got.from == remote_ && is(message, message_type::welcome))
					continue;
				total.stray++;
				complain(local_.text() + ": a message nobody asked for");
				continue;
			}
			auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
				until - clock::now());
			if (left.count() <= 0)
				return false;
			socket_.wait(POLLIN, static_cast<int>(left.count()));
		}
	}

	static bool is(std::span<const std::uint8_t> message, message_type type)
	{
		if (type == message_type::welcome)
			return control_body<std::uint64_t>(type, message).has_value();
		return control_body<end_body>(type, message).has_value();
	}

	void send_data(std::span<const std::uint8_t> message)
	{
		socket_.send_patiently(remote_, message, total.soft,
				       set_.nonblock ? MSG_DONTWAIT : 0);
		total.events++;
		total.messages++;
		total.bytes += message.size();
	}

	end_body send_pattern()
	{
		flow_digest order;
		std::vector<std::uint8_t> message;
		std::uint64_t bytes = 0;

		for (std::uint64_t seq = 0; seq < plan_.count; seq++) {
			digest body = plan_.build(seq, message);
			order.add(seq, message.size(), body);
			send_data(message);
			bytes += message.size();
		}
		return remember({plan_.count, bytes, 0, order.finish()});
	}

	void open_file()
	{
		struct stat st;

		file_ = std::fopen(set_.file.c_str(), "rb");
		if (!file_ || ::fstat(::fileno(file_), &st))
			die(set_.file);
		if (!st.st_size)
			die(set_.file + " is empty", EINVAL);
		plan_.file_bytes = static_cast<std::uint64_t>(st.st_size);
		plan_.sizes = {size_mode::file, 1, 512 * 1024};
		plan_.count = 0;
	}

	end_body send_file()
	{
		sha256 whole;
		std::uint64_t seq = 0, bytes = 0;
		std::vector<std::uint8_t> message;

		while (bytes < plan_.file_bytes) {
			message.resize(std::min<std::uint64_t>(plan_.size_of(seq++),
							       plan_.file_bytes - bytes));
			if (std::fread(message.data(), 1, message.size(), file_) != message.size())
				die("reading the file", EIO);
			whole.add(message.data(), message.size());
			send_data(message);
			bytes += message.size();
		}
		std::fclose(file_);
		return remember({seq, bytes, 0, whole.finish()});
	}

	end_body remember(const end_body &end)
	{
		std::lock_guard guard(total.lock);
		total.sums[local_.port()] = hex(end.sum);
		return end;
	}

	void await_ack(const end_body &end)
	{
		while (!await(message_type::ack, rds_socket::late_ms)) {
		}
		auto ack = *control_body<end_body>(message_type::ack, ack_bytes());
		if (ack.errors || ack.count != end.count || ack.bytes != end.bytes ||
		    ack.sum != end.sum) {
			total.refused++;
			complain(local_.text() + ": the receiver saw something else than was sent");
		}
	}

	std::span<const std::uint8_t> ack_bytes() const
	{
		message_header header;
		std::memcpy(static_cast<void *>(&header), buffer_.data(), sizeof(header));
		return {buffer_.data(), header.length};
	}

	const settings &set_;
	endpoint local_, remote_;
	rds_socket socket_;
	flow_plan plan_;
	std::vector<std::uint8_t> buffer_;
	std::FILE *file_ = nullptr;
};

/* ----------------------------------------------------------------------- main */

void progress(const char *role, bool in_bytes, double seconds)
{
	std::uint64_t goal = total.goal, done = in_bytes ? total.bytes : total.messages;
	std::printf("progress %s %.1fs messages=%" PRIu64 " bytes=%" PRIu64 " %u%%\n", role,
		    seconds, total.messages.load(), total.bytes.load(),
		    goal ? static_cast<unsigned>(done * 100 / goal) : 0);
	std::fflush(stdout);
}

int summary(const char *role, bool stalled, double seconds)
{
	bool good = !stalled && !total.errors();
	std::string sums;
	{
		std::lock_guard guard(total.lock);
		for (const auto &[port, sum] : total.sums)
			sums += " sha256." + std::to_string(port) + "=" + sum;
	}
	std::printf("result %s %s flows=%" PRIu64 " messages=%" PRIu64 " bytes=%" PRIu64
		    " lost=%" PRIu64 " duplicate=%" PRIu64 " reordered=%" PRIu64 " corrupt=%" PRIu64
		    " length=%" PRIu64 " stray=%" PRIu64 " refused=%" PRIu64 " eagain=%" PRIu64
		    " enobufs=%" PRIu64 " cong_updates=%" PRIu64 " late=%" PRIu64
		    " seconds=%.2f%s\n",
		    role,
		    stalled ? "stalled"
		    : good  ? "ok"
			    : "bad",
		    total.flows.load(), total.messages.load(), total.bytes.load(),
		    total.wrong.lost.load(), total.wrong.duplicate.load(),
		    total.wrong.reordered.load(), total.wrong.corrupt.load(),
		    total.wrong.length.load(), total.stray.load(), total.refused.load(),
		    total.soft.eagain.load(), total.soft.enobufs.load(),
		    total.soft.cong_updates.load(), total.soft.late.load(), seconds, sums.c_str());
	std::fflush(nullptr);
	return good ? 0 : 1;
}

/* Waits for the threads; ends the program if nothing moves for the time allowed. */
int watch(const settings &set, const char *role)
{
	using clock = std::chrono::steady_clock;
	auto start = clock::now(), moved = start, told = start;
	std::uint64_t seen = 0;
	auto since = [](clock::time_point then) {
		return std::chrono::duration<double>(clock::now() - then).count();
	};

	while (total.running) {
		{
			std::unique_lock guard(total.lock);
			total.ended.wait_for(guard, std::chrono::milliseconds(100));
		}
		if (total.events != seen) {
			seen = total.events;
			moved = clock::now();
		}
		if (!set.quiet && since(told) * 1000 >= set.every_ms) {
			told = clock::now();
			progress(role, !set.file.empty() || !set.out.empty(), since(start));
		}
		if (since(moved) >= set.timeout) {
			summary(role, true, since(start));
			::_exit(1);
		}
	}
	return summary(role, false, since(start));
}

template <typename Worker>
int run_all(std::vector<std::unique_ptr<Worker>> &workers, const settings &set, const char *role)
{
	std::vector<std::thread> threads;

	total.running = static_cast<unsigned>(workers.size());
	for (auto &worker : workers)
		threads.emplace_back([&worker] {
			worker->run();
			total.running--;
			total.ended.notify_one();
		});
	int status = watch(set, role);
	for (auto &thread : threads)
		thread.join();
	return status;
}

endpoint nth(const endpoint &first, unsigned i)
{
	return first.with_port(static_cast<std::uint16_t>(first.port() + i));
}

settings read_settings(arguments &args, bool sending)
{
	settings set;

	set.local = args.address_and_port("--bind");
	set.pairs = static_cast<unsigned>(args.number("--pairs", 1, 4096));
	set.timeout = static_cast<unsigned>(args.number("--timeout", 20, 86400));
	set.hello = !args.flag("--no-hello");
	set.quiet = args.flag("--quiet");
	set.every_ms = static_cast<unsigned>(args.number("--every", 1000, 86400000));
	set.count = args.number("--count", sending || !set.hello ? 1000 : 0);
	set.seed = args.number("--seed", 1);
	auto sizes = size_spec::parse(args.text("--sizes", "mix"));
	if (!sizes)
		args.fail("--sizes is not understood");
	set.sizes = *sizes;
	if (sending) {
		set.remote = args.address_and_port("--to");
		set.nonblock = args.flag("--nonblock");
		set.monitor = !args.flag("--no-monitor");
		rds_socket::late_ms = static_cast<int>(
			args.number("--late-ms", rds_socket::late_ms));
		set.sndbuf = args.number("--sndbuf", 0, 1 << 30);
		set.zerocopy = static_cast<unsigned>(args.number("--zerocopy", 0, 64));
		set.file = args.text("--file", "");
	} else {
		set.senders = static_cast<unsigned>(args.number("--senders", 1, 4096));
		set.rcvbuf = args.number("--rcvbuf", 0, 1 << 30);
		set.delay_us = static_cast<unsigned>(args.number("--delay-us", 0, 10000000));
		set.out = args.text("--out", "");
	}
	args.finish();
	bool file = !set.file.empty() || !set.out.empty();
	if (!set.pairs || !set.senders || set.local.port() + set.pairs > 65536 ||
	    (sending && set.remote.port() + set.pairs > 65536))
		args.fail("--pairs or --senders is out of range");
	if (file && (set.pairs > 1 || set.senders > 1 || !set.hello))
		args.fail("a file is one flow, with a hello");
	return set;
}

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	std::string role = args.command();
	if (role != "send" && role != "recv")
		args.fail("the command is send or recv");
	settings set = read_settings(args, role == "send");

	if (role == "recv") {
		std::vector<std::unique_ptr<receiver>> workers;
		for (unsigned i = 0; i < set.pairs; i++)
			workers.push_back(std::make_unique<receiver>(set, nth(set.local, i)));
		/* For scripts: from here on nothing sent to us is lost. */
		std::printf("ready recv %s pairs=%u\n", set.local.text().c_str(), set.pairs);
		std::fflush(stdout);
		return run_all(workers, set, "recv");
	}

	std::vector<std::unique_ptr<sender>> workers;
	for (unsigned i = 0; i < set.pairs; i++)
		workers.push_back(
			std::make_unique<sender>(set, nth(set.local, i), nth(set.remote, i)));
	return run_all(workers, set, "send");
}
