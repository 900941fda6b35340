/*
 * Preloaded into a process, it notes in the file $POWER_CUT_LOG everything that the process does to the files of the
 * folder $POWER_CUT_FOLDER, so that a test can tell what a power cut would have left: writes count only once they are
 * synced. What it prints is noted too, so that every moment of the notes tells what was acknowledged by then. Syncs are
 * noted, not done: they would only cost time. While the file $POWER_CUT_LOG.full exists, writes fail
 * as on a full disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[4096];
static size_t folder_length;
static char full[4096];
static int log_descriptor = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);
static int (*real_ftruncate64)(int, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);
static int (*real_open64)(const char *, int, ...);
static ssize_t (*real_writev)(int, const struct iovec *, int);

__attribute__((constructor)) static void start(void) {
  real_write = dlsym(RTLD_NEXT, "write");
  real_pwrite64 = dlsym(RTLD_NEXT, "pwrite64");
  real_ftruncate64 = dlsym(RTLD_NEXT, "ftruncate64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_unlink = dlsym(RTLD_NEXT, "unlink");
  real_open64 = dlsym(RTLD_NEXT, "open64");
  real_writev = dlsym(RTLD_NEXT, "writev");
  const char *watched = getenv("POWER_CUT_FOLDER");
  const char *log = getenv("POWER_CUT_LOG");
  if (watched == NULL || log == NULL) return;
  folder_length = strlen(watched);
  memcpy(folder, watched, folder_length + 1);
  snprintf(full, sizeof full, "%s.full", log);
  log_descriptor = real_open64(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The name within the folder ("" for the folder itself), or NULL for all other files. */
static const char *within(const char *path) {
  if (log_descriptor < 0 || strncmp(path, folder, folder_length) != 0) return NULL;
  if (path[folder_length] == 0) return path + folder_length;
  if (path[folder_length] != '/') return NULL;
  const char *name = path + folder_length + 1;
  size_t length = strlen(name);
  /* Shared memory is no durable state; what is deleted is lost in any case. */
  if (length > 4 && strcmp(name + length - 4, "-shm") == 0) return NULL;
  if (length > 10 && strcmp(name + length - 10, " (deleted)") == 0) return NULL;
  return name;
}

static const char *name_of(int descriptor, char *buffer, size_t size) {
  if (log_descriptor < 0 || descriptor == log_descriptor) return NULL;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, buffer, size - 1);
  if (length < 0) return NULL;
  buffer[length] = 0;
  return within(buffer);
}

/* One record: operation, length of the name, offset, length of the data, name, data. */
static void note(char operation, const char *name, uint64_t offset, const void *data, size_t size) {
  uint32_t head[6] = {(uint32_t)operation, (uint32_t)strlen(name), (uint32_t)offset,
                      (uint32_t)(offset >> 32), (uint32_t)size, 0};
  struct iovec parts[3] = {{head, sizeof head}, {(void *)name, head[1]}, {(void *)data, size}};
  pthread_mutex_lock(&lock);
  if (real_writev(log_descriptor, parts, 3) != (ssize_t)(sizeof head + head[1] + size)) abort();
  pthread_mutex_unlock(&lock);
}

static int disk_is_full(void) {
  if (access(full, F_OK) != 0) return 0;
  errno = ENOSPC;
  return 1;
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
  char buffer[4096];
  const char *name = name_of(descriptor, buffer, sizeof buffer);
  if (name != NULL) {
    if (disk_is_full()) return -1;
    note('W', name, (uint64_t)offset, data, size);
  }
  return real_pwrite64(descriptor, data, size, offset);
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
  return pwrite64(descriptor, data, size, offset);
}

ssize_t write(int descriptor, const void *data, size_t size) {
  char buffer[4096];
  const char *name = name_of(descriptor, buffer, sizeof buffer);
  if (name != NULL) {
    if (disk_is_full()) return -1;
    note('W', name, (uint64_t)lseek64(descriptor, 0, SEEK_CUR), data, size);
  } else if (descriptor == STDOUT_FILENO && log_descriptor >= 0) {
    note('A', "", 0, data, size);
  }
  return real_write(descriptor, data, size);
}

/* A way of writing that is not modelled must not go unnoticed. */
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  char buffer[4096];
  if (name_of(descriptor, buffer, sizeof buffer) != NULL) abort();
  return real_writev(descriptor, parts, count);
}

int rename(const char *from, const char *to) {
  if (within(from) != NULL || within(to) != NULL) abort();
  int (*real_rename)(const char *, const char *) = dlsym(RTLD_NEXT, "rename");
  return real_rename(from, to);
}

int ftruncate64(int descriptor, off64_t size) {
  char buffer[4096];
  const char *name = name_of(descriptor, buffer, sizeof buffer);
  if (name != NULL) note('T', name, (uint64_t)size, "", 0);
  return real_ftruncate64(descriptor, size);
}

int ftruncate(int descriptor, off_t size) { return ftruncate64(descriptor, size); }

static int sync_file(int descriptor, int (*real)(int)) {
  char buffer[4096];
  const char *name = name_of(descriptor, buffer, sizeof buffer);
  if (name == NULL) return real(descriptor);
  if (*name != 0 && disk_is_full()) return -1;
  note('S', name, 0, "", 0);
  return 0;
}

int fsync(int descriptor) { return sync_file(descriptor, real_fsync); }

int fdatasync(int descriptor) { return sync_file(descriptor, real_fdatasync); }

int unlink(const char *path) {
  const char *name = within(path);
  if (name != NULL) note('U', name, 0, "", 0);
  return real_unlink(path);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int mode = (flags & O_CREAT) ? va_arg(rest, int) : 0;
  va_end(rest);
  const char *name = (flags & O_CREAT) ? within(path) : NULL;
  if (name != NULL && access(path, F_OK) != 0) {
    if (disk_is_full()) return -1;
    note('C', name, 0, "", 0);
  }
  return real_open64(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int mode = (flags & O_CREAT) ? va_arg(rest, int) : 0;
  va_end(rest);
  return open64(path, flags, mode);
}
