// SPDX-License-Identifier: GPL-2.0
/*
 * What the fuzzer does to the world around the sockets: sysctls, addresses, links, namespaces that
 * come and go with live sockets in them. Part of fuzz_worker.
 */
#ifndef TESTS_PROGRAMS_FUZZ_CHURN_H
#define TESTS_PROGRAMS_FUZZ_CHURN_H

#include "fuzz_worker.h"

inline void fuzz_worker::sysctls()
{
	struct knob {
		const char *name = nullptr, *usual = nullptr;
	};
	static constexpr std::array<knob, 7> knobs{{{"reconnect_min_delay_ms", "10"},
						    {"reconnect_max_delay_ms", "500"},
						    {"max_unacked_packets", "8"},
						    {"max_unacked_bytes", "16777216"},
						    {"ping_enable", "1"},
						    {"tcp/rds_tcp_sndbuf", "65536"},
						    {"tcp/rds_tcp_rcvbuf", "0"}}};
	std::size_t space = r_.below(fuzz_world::namespaces);
	auto ns = world_.space(space);
	if (!ns)
		return;
	stay away(ns->get());
	/* some are of the first namespace only, or not this user's */
	knob k;
	owned_fd file;
	for (std::size_t i = r_.below(knobs.size()), tries = 0; !file && tries < knobs.size();
	     i = (i + 1) % knobs.size(), tries++) {
		k = knobs[i];
		std::string path = std::string("/proc/sys/net/rds/") + k.name;
		file = owned_fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
	}
	if (!file)
		return;
	place room = memory_.room(r_, 64);
	watch_.say("%s in namespace %zu", k.name, space);
	if (r_.one_in(2)) {
		std::size_t n = r_.below(65);
		long got = make(kind::sysctl_read, [&] { return ::read(file.get(), room.at, n); });
		must(got < 0 || !fuzz_memory::spilled(room, static_cast<std::size_t>(got), 64),
		     "nothing behind the text");
		return;
	}
	std::string text = k.usual;
	if (r_.one_in(3)) {
		text = r_.of<std::string>({"", "-1", "x", "0", " 7 \n", std::string(5000, '9')});
		if (r_.one_in(2))
			text = std::to_string(r_.number());
	}
	watch_.say("%s in namespace %zu: %.40s", k.name, space, text.c_str());
	make(kind::sysctl_write, [&] { return ::write(file.get(), text.data(), text.size()); });
	/* what makes the rest of the run wait does not stay */
	::pwrite(file.get(), k.usual, std::strlen(k.usual), 0);
}

inline void fuzz_worker::change_addresses()
{
	std::size_t host = r_.below(fuzz_world::hosts);
	auto ns = world_.space(host);
	stay away(ns->get());
	std::string link = "fz" + std::to_string(host);
	std::string address = fuzz_world::passing_address(r_.below(4));
	bool add = r_.percent(60);
	watch_.say("%s %s %s", link.c_str(), add ? "add" : "remove", address.c_str());
	make(kind::address, [&] {
		int err = change_address(link, address, 32, add);
		errno = -err;
		return err ? -1 : 0;
	});
}

inline void fuzz_worker::bounce_link()
{
	std::size_t host = r_.below(fuzz_world::hosts);
	auto ns = world_.space(host);
	stay away(ns->get());
	std::string link = "fz" + std::to_string(host);
	watch_.say("%s", link.c_str());
	make(kind::link, [&] {
		int err = set_link(link, false);
		err = err ? err : set_link(link, true);
		errno = -err;
		return err ? -1 : 0;
	});
	/* a link that was down has lost these */
	fuzz_world::address_v6(static_cast<int>(host));
}

inline void fuzz_worker::new_namespace()
{
	std::size_t space = fuzz_world::hosts + r_.below(fuzz_world::guests);
	auto host = world_.space(0);
	bool with_link = r_.one_in(2);
	owned_fd home = this_namespace();
	watch_.say("namespace %zu%s", space, with_link ? " with a link" : "");
	if (make(kind::namespace_new, [] { return ::unshare(CLONE_NEWNET); }))
		return;
	set_link("lo", true);
	auto fresh = std::make_shared<owned_fd>(this_namespace());
	std::string there = "gh" + std::to_string(world_.next_link());
	if (with_link && !make_veth("eth0", there, host->get())) {
		set_link("eth0", true);
		change_address("eth0", fuzz_world::guest_address(space), 24, true);
	} else {
		change_address("lo", fuzz_world::guest_address(space), 24, true);
	}
	if (::setns(home.get(), CLONE_NEWNET))
		std::abort();
	if (with_link && set_link(there, true) == 0)
		change_address(there, "10.99." + std::to_string(space) + ".1", 24, true);
	world_.set_space(space, std::move(fresh));
}

inline void fuzz_worker::end_namespace()
{
	std::size_t space = fuzz_world::hosts + r_.below(fuzz_world::guests);
	watch_.say("namespace %zu", space);
	make(kind::namespace_end, [&] {
		world_.set_space(space, nullptr);
		return 0;
	});
}

#endif
