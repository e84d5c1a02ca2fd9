/*
 * golden: what the golden chain holds, for the program that wrote it and the test that reads it.
 */
#ifndef PGSTRAND_GOLDEN_H
#define PGSTRAND_GOLDEN_H

#define GOLDEN_SCHEMA "CREATE TABLE public.item (id integer PRIMARY KEY, name text);\n"
/* Enough that it is smaller by column. */
#define GOLDEN_ITEMS                                                                                     \
    "1\tfig\tkg\t2.73\tt\n2\tpear\tkg\t6.36\tt\n3\tmelon\t\\N\t5.87\tt\n4\tplum\tkg\t1.63\tf\n"          \
    "5\tlemon\tkg\t4.08\tt\n6\tcherry\t\\N\t9.67\tt\n7\tlime\tkg\t6.48\tt\n8\tgrape\tkg\t5.15\tf\n"      \
    "9\tapple\t\\N\t6.70\tt\n10\tfig\tkg\t6.24\tt\n11\tpear\tkg\t0.97\tt\n12\tmelon\t\\N\t6.50\tf\n"     \
    "13\tplum\tkg\t0.43\tt\n14\tlemon\tkg\t9.60\tt\n15\tcherry\t\\N\t8.87\tt\n16\tlime\tkg\t5.10\tf\n"   \
    "17\tgrape\tkg\t2.95\tt\n18\tapple\t\\N\t5.94\tt\n19\tfig\tkg\t2.69\tt\n20\tpear\tkg\t2.26\tf\n"     \
    "21\tmelon\t\\N\t7.64\tt\n22\tplum\tkg\t5.11\tt\n23\tlemon\tkg\t5.83\tt\n24\tcherry\t\\N\t8.86\tf\n" \
    "25\tlime\tkg\t5.92\tt\n26\tgrape\tkg\t5.17\tt\n27\tapple\t\\N\t4.36\tt\n28\tfig\tkg\t6.84\tf\n"     \
    "29\tpear\tkg\t9.11\tt\n30\tmelon\t\\N\t1.84\tt\n31\tplum\tkg\t2.67\tt\n32\tlemon\tkg\t6.80\tf\n"    \
    "33\tcherry\t\\N\t1.85\tt\n34\tlime\tkg\t9.18\tt\n35\tgrape\tkg\t9.78\tt\n36\tapple\t\\N\t5.65\tf\n" \
    "37\tfig\tkg\t4.29\tt\n38\tpear\tkg\t7.89\tt\n39\tmelon\t\\N\t0.45\tt\n40\tplum\tkg\t7.17\tf\n"
#define GOLDEN_AUDIT "1\tlogin\tana\n2\tprice changed\tana\n"
#define GOLDEN_DEVICE "till\t17\n"
#define GOLDEN_ROLLOVER 1024 /* so that the FULL has several parts */

#endif
