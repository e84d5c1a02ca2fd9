/*
 * tier: where a table's rows may go. The numbers are those of action.proto.
 */
#ifndef PGSTRAND_TIER_H
#define PGSTRAND_TIER_H

enum tier { TIER_NONE = 0, TIER_BUSINESS = 1, TIER_AUDIT = 2, TIER_DEVICE = 3, TIER_TRANSIENT = 4 };

/* "business", "audit", "device", "transient". */
static inline const char *tier_name(enum tier tier)
{
    static const char *const names[] = {"none", "business", "audit", "device", "transient"};
    return names[tier];
}

#endif
