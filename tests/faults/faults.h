/* What fork.c needs of faults.c. */
#ifndef WISHART_TESTS_FAULTS_H
#define WISHART_TESTS_FAULTS_H

/* Reads the variables WISHART_FAULT_* again. Nothing may have failed before; what was counted stays. */
void read_wanted_fault(void);

#endif
