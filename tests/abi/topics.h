// SPDX-License-Identifier: GPL-2.0
/*
 * The topics of the interface, one a file: each goes through its rows and reports them. Called by main in the order
 * of the list, which is the order of the transcript. One thread.
 */
#ifndef TESTS_ABI_TOPICS_H
#define TESTS_ABI_TOPICS_H

#include "tap.h"
#include "world.h"

#define ABI_TOPICS(topic)                                                                          \
	topic(socket) topic(structures) topic(address) topic(bind) topic(name) topic(send)         \
		topic(pressure) topic(control) topic(receive) topic(truncation) topic(arrival)     \
			topic(zerocopy) topic(poll) topic(monitor) topic(option) topic(mr)         \
				topic(sol_socket) topic(ioctl) topic(close) topic(namespaces)      \
					topic(settings) topic(info) topic(records) topic(counters) \
						topic(pointers)

#define ABI_DECLARE(name) void topic_##name(tap &t, const world &w);
ABI_TOPICS(ABI_DECLARE)
#undef ABI_DECLARE

/* Runs a topic's rows on each of the four places. */
template <typename Rows>
void on_each_place(tap &t, const world &w, Rows rows)
{
	for (const place *p : {&w.loop, &w.loop6, &w.tcp, &w.tcp6})
		rows(t, *p);
}

#endif
