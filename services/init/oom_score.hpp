// Whom the kernel kills when memory runs out: what the container runs, and its init only if nothing else is left, because all
// the rest would end with it. By size alone it could be the init, where what eats memory isn't a process (files in /dev/shm).
#pragma once

namespace concourse::init {

class OomScore {
 public:
  // Of this process, before PR_SET_DUMPABLE takes its /proc files away.
  OomScore();
  OomScore(const OomScore&) = delete;

  // What is forked while it lives is killed first: a score is inherited, and this process has its own again afterwards. Without
  // a /proc nothing happens.
  class Forking {
   public:
    explicit Forking(const OomScore& score);
    ~Forking();
    Forking(const Forking&) = delete;

   private:
    const int fd_;
  };

 private:
  int fd_;
};

}  // namespace concourse::init
