//! Nothing but tests: applications on other people's servers under the check of applications.
