/* SPDX-License-Identifier: GPL-2.0 */
/* Compiled, never run: the wire header as the seam's C files see it, asserts included. */
#include <rds/wire.h>

struct rds_header rds_header_in_c;
