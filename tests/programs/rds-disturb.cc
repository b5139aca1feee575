// SPDX-License-Identifier: GPL-2.0
/*
 * rds-disturb: breaks what RDS over TCP stands on, in the network namespace that it runs in, at random from a seed,
 * until SIGTERM (or a number of resets); then all is as it was. TCP connections are reset through sock_diag, those that
 * are being opened, too; the device loses, delays, reorders, duplicates and corrupts, or goes down; addresses are
 * taken away; sizes of buffers are written, which ends connections by FIN.
 */
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "arguments.h"
#include "traffic.h"

extern char **environ;

namespace {

constexpr char usage[] =
	"usage: rds-disturb --device DEV [options]\n"
	"  --address A/LEN   of the device, may be taken away for a moment; several are possible\n"
	"  --seed S          (1)\n"
	"  --pause MS        between two disturbances, about (150)\n"
	"  --resets N        end after so many (none: until SIGTERM)\n"
	"  --gentle          only resets and sizes\n"
	"  --bad-cable       the device is bad all the time, and nothing else happens\n"
	"exit:  0; one line on stdout says what was done\n";

constexpr std::uint16_t rds_port = 16385;

/* The states of enum in the kernel's tcp_states.h. */
constexpr unsigned state_established = 1, state_syn_sent = 2, state_syn_recv = 3,
		   state_new_syn_recv = 12;

std::uint64_t random_state;

/* One of 0 to n - 1. */
std::uint64_t pick(std::uint64_t n)
{
	return mixed(random_state++) % n;
}

/* ------------------------------------------------------------------ resets */

class tcp_killer {
public:
	tcp_killer() : fd_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG))
	{
		if (fd_ < 0)
			die("NETLINK_SOCK_DIAG");
	}
	tcp_killer(const tcp_killer &) = delete;
	tcp_killer &operator=(const tcp_killer &) = delete;
	~tcp_killer() { ::close(fd_); }

	std::uint64_t resets = 0, openings = 0;

	/* Each with a chance of one in @chance. */
	void kill_some(unsigned chance)
	{
		for (std::uint8_t family : {AF_INET, AF_INET6})
			for (const auto &victim : list(family))
				if (!pick(chance) && destroy(family, victim))
					(victim.state == state_established ? resets : openings)++;
	}

private:
	struct connection {
		inet_diag_sockid id;
		std::uint8_t state;
	};
	struct request {
		nlmsghdr header;
		inet_diag_req_v2 body;
	};

	void send(std::uint16_t type, std::uint16_t flags, std::uint8_t family,
		  const connection *one)
	{
		request r{};
		r.header = {sizeof(r), type, static_cast<std::uint16_t>(NLM_F_REQUEST | flags),
			    ++sequence_, 0};
		r.body.sdiag_family = family;
		r.body.sdiag_protocol = IPPROTO_TCP;
		r.body.idiag_states = 1 << state_established | 1 << state_syn_sent |
				      1 << state_syn_recv | 1 << state_new_syn_recv;
		if (one)
			r.body.id = one->id;
		if (::send(fd_, &r, sizeof(r), 0) != sizeof(r))
			die("sock_diag request");
	}

	/* Calls @each for the answers to the last request. Return: the errno at their end. */
	int answers(const std::function<void(const inet_diag_msg &)> &each)
	{
		alignas(nlmsghdr) char buffer[32768];
		for (;;) {
			ssize_t n = ::recv(fd_, buffer, sizeof(buffer), 0);
			if (n < 0)
				die("sock_diag answer");
			auto left = static_cast<unsigned>(n);
			for (auto *h = reinterpret_cast<nlmsghdr *>(buffer); NLMSG_OK(h, left);
			     h = NLMSG_NEXT(h, left)) {
				if (h->nlmsg_seq != sequence_)
					continue;
				if (h->nlmsg_type == NLMSG_DONE)
					return 0;
				if (h->nlmsg_type == NLMSG_ERROR)
					return -static_cast<nlmsgerr *>(NLMSG_DATA(h))->error;
				each(*static_cast<inet_diag_msg *>(NLMSG_DATA(h)));
			}
		}
	}

	std::vector<connection> list(std::uint8_t family)
	{
		std::vector<connection> found;
		send(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family, nullptr);
		int err = answers([&](const inet_diag_msg &m) {
			if (ntohs(m.id.idiag_sport) == rds_port ||
			    ntohs(m.id.idiag_dport) == rds_port)
				found.push_back({m.id, m.idiag_state});
		});
		if (err)
			die("list of TCP sockets", err);
		return found;
	}

	/* It may have gone meanwhile. */
	bool destroy(std::uint8_t family, const connection &victim)
	{
		send(SOCK_DESTROY, NLM_F_ACK, family, &victim);
		int err = answers([](const inet_diag_msg &) {});
		if (err && err != ENOENT && err != ESTALE)
			die("SOCK_DESTROY", err);
		return !err;
	}

	int fd_;
	std::uint32_t sequence_ = 0;
};

/* ------------------------------------------------------------------ the rest */

class disturber {
public:
	explicit disturber(arguments &args)
	{
		device_ = args.text("--device", "");
		while (auto address = args.find("--address"))
			addresses_.push_back(*address);
		seed_ = args.number("--seed", 1);
		pause_ms_ = args.number("--pause", 150, 100000);
		limit_ = args.number("--resets", 0);
		gentle_ = args.flag("--gentle");
		bad_cable_ = args.flag("--bad-cable");
		args.finish();
		if (device_.empty())
			args.fail("--device is missing");
		random_state = mixed(seed_);
		::sigemptyset(&signals_);
		::sigaddset(&signals_, SIGTERM);
		::sigprocmask(SIG_BLOCK, &signals_, nullptr);
	}

	void run()
	{
		if (bad_cable_)
			make_cable_bad();
		while (!limit_ || killer_.resets < limit_) {
			/* mostly short, so that things meet; at times long enough to recover */
			std::uint64_t ms = pick(8) ? pick(2 * pause_ms_ + 1) : 8 * pause_ms_;
			if (wait(ms))
				break;
			if (!bad_cable_)
				disturb();
		}
		repair();
		std::printf("disturbed seed=%llu resets=%llu openings=%llu links=%u addresses=%u "
			    "cables=%u sizes=%u\n",
			    static_cast<unsigned long long>(seed_),
			    static_cast<unsigned long long>(killer_.resets),
			    static_cast<unsigned long long>(killer_.openings), links_, moves_,
			    cables_, sizes_);
	}

private:
	/* Return: SIGTERM has come. */
	bool wait(std::uint64_t ms)
	{
		timespec t{static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1000000};
		ended_ = ended_ || ::sigtimedwait(&signals_, nullptr, &t) == SIGTERM;
		return ended_;
	}

	void call(std::vector<std::string> words)
	{
		std::vector<char *> argv;
		for (auto &word : words)
			argv.push_back(word.data());
		argv.push_back(nullptr);
		pid_t pid;
		int status,
			err = ::posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ);
		if (err)
			die(words[0], err);
		if (::waitpid(pid, &status, 0) != pid || status)
			die(words[0] + " " + words[1] + " " + words[2] + " failed", EIO);
	}

	void disturb()
	{
		auto what = pick(gentle_ ? 10 : 20);
		if (what < 7)
			killer_.kill_some(2);
		else if (what < 9)
			killer_.kill_some(1);
		else if (what < 10)
			change_sizes();
		else if (what < 12)
			blink(false);
		else if (what < 13)
			blink(true);
		else if (what < 15)
			move_address();
		else if (what < 16)
			black_out();
		else
			make_cable_bad();
	}

	std::string percent(std::uint64_t most)
	{
		return std::to_string(pick(most * 10) / 10.0).substr(0, 4) + "%";
	}

	void make_cable_bad()
	{
		auto us = [](std::uint64_t most) { return std::to_string(1 + pick(most)) + "us"; };
		call({"tc",	  "qdisc",   "replace",	  "dev",      device_,
		      "root",	  "netem",   "limit",	  "10000",    "delay",
		      us(2000),	  us(1000),  "loss",	  percent(2), "duplicate",
		      percent(4), "reorder", percent(20), "corrupt",  percent(1)});
		cables_++;
	}

	/* Nothing gets out, and nobody is told. */
	void black_out()
	{
		call({"tc", "qdisc", "replace", "dev", device_, "root", "netem", "loss", "100%"});
		wait(pick(4 * pause_ms_));
		make_cable_bad();
	}

	/* With @deaf the peers of those that are reset meanwhile do not hear of it. */
	void blink(bool deaf)
	{
		call({"ip", "link", "set", device_, "down"});
		if (deaf)
			killer_.kill_some(2);
		wait(pick(4 * pause_ms_));
		call({"ip", "link", "set", device_, "up"});
		links_++;
	}

	void move_address()
	{
		if (addresses_.empty())
			return;
		const auto &address = addresses_[pick(addresses_.size())];
		call({"ip", "addr", "del", address, "dev", device_});
		wait(pick(4 * pause_ms_));
		add(address);
		moves_++;
	}

	void add(const std::string &address)
	{
		std::vector<std::string> words{"ip", "addr", "add", address, "dev", device_};
		if (address.find(':') != address.npos)
			words.push_back("nodad");
		call(words);
	}

	void change_sizes()
	{
		write_size(pick(2), pick(4) ? 5000 + pick(200000) : 0);
		sizes_++;
	}

	void write_size(bool send, std::uint64_t value)
	{
		std::string path = std::string("/proc/sys/net/rds/tcp/rds_tcp_") +
				   (send ? "sndbuf" : "rcvbuf");
		std::string text = std::to_string(value);
		int fd = ::open(path.c_str(), O_WRONLY);
		/* the kernel's own modules do not take the 0 back */
		if (fd < 0 || (::write(fd, text.data(), text.size()) < 0 && value))
			die(path);
		::close(fd);
	}

	void repair()
	{
		call({"tc", "qdisc", "replace", "dev", device_, "root", "pfifo"});
		if (sizes_) {
			write_size(true, 0);
			write_size(false, 0);
		}
	}

	std::string device_;
	std::vector<std::string> addresses_;
	std::uint64_t seed_, pause_ms_, limit_;
	bool gentle_, bad_cable_, ended_ = false;
	sigset_t signals_;
	tcp_killer killer_;
	unsigned links_ = 0, moves_ = 0, cables_ = 0, sizes_ = 0;
};

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	disturber(args).run();
	return 0;
}
