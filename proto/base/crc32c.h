/*
 * crc32c: the Castagnoli checksum (polynomial 0x1EDC6F41, reflected), as in iSCSI (RFC 3720) and PostgreSQL's
 * WAL.
 */
#ifndef PGSTRAND_CRC32C_H
#define PGSTRAND_CRC32C_H

#include "proto/base/bytes.h"

/* Start with crc = 0; feed the result back to go on. */
uint32_t crc32c(uint32_t crc, struct bytes piece);

#endif
