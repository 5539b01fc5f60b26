/* usage.h - what the kernel says of this process. 0 where it does not say. Not collective. */
#ifndef LC_USAGE_H
#define LC_USAGE_H

#include <stdint.h>

int64_t lc_usage_resident(void); /* bytes now, shared pages included */
int64_t lc_usage_peak(void);     /* and at most so far */
int64_t lc_usage_share(void);    /* bytes now, where a page that n processes share counts as a n-th; reads page tables */
double lc_usage_cpu(void);       /* seconds of processor time so far, of the user and of the system */
int64_t lc_usage_storage(void);  /* bytes read from disks or the network so far */

#endif
