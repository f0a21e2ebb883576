# Attribute of nixpkgs = the programs that its stand-in links to, of those that the machine has.
let
  words = text: builtins.filter (word: builtins.isString word && word != "") (builtins.split "[[:space:]]+" text);
  coreutils = words ''
    [ b2sum base32 base64 basename cat chgrp chmod chown chroot cksum comm cp csplit cut date dd df
    dir dircolors dirname du echo env expand expr factor false fmt fold groups head hostid id install
    join link ln logname ls md5sum mkdir mkfifo mknod mktemp mv nice nl nohup nproc numfmt od paste
    pathchk pr printenv printf ptx pwd readlink realpath rm rmdir runcon seq sha1sum sha224sum
    sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf stty sum sync tac tail tee
    test timeout touch tr true truncate tsort tty uname unexpand uniq unlink users vdir wc who whoami
    yes
  '';
  systemd = words ''
    bootctl busctl hostnamectl journalctl localectl loginctl machinectl networkctl resolvectl
    systemctl systemd-analyze systemd-ask-password systemd-cat systemd-cgls systemd-creds
    systemd-detect-virt systemd-escape systemd-id128 systemd-inhibit systemd-mount systemd-notify
    systemd-path systemd-run systemd-socket-activate systemd-sysusers systemd-tmpfiles timedatectl
    udevadm
  '';
  utilLinux = words ''
    agetty blkid blockdev column dmesg findmnt flock fsck getopt hexdump ionice kill last logger
    losetup lsblk lscpu lsns mount mountpoint namei nsenter prlimit rename renice rev runuser script
    setpriv setsid setterm su sulogin swapoff swapon taskset umount unshare uuidgen wall whereis
  '';
  bash = ["bash" "sh"];
  git = words "git git-receive-pack git-shell git-upload-archive git-upload-pack";
  python = ["python3"];
in {
  inherit bash coreutils git systemd;
  bashInteractive = bash;
  bashNonInteractive = bash;
  bash-completion = [];
  btrfs-progs = ["btrfs" "mkfs.btrfs"];
  bzip2 = ["bunzip2" "bzcat" "bzip2"];
  claude-code = ["claude"];
  coreutils-full = coreutils;
  curl = ["curl"];
  dbus = words "dbus-daemon dbus-launch dbus-monitor dbus-run-session dbus-send";
  diffutils = words "cmp diff diff3 sdiff";
  direnv = ["direnv"];
  fd = ["fd"];
  file = ["file"];
  findutils = ["find" "xargs"];
  fzf = ["fzf"];
  gawk = ["awk" "gawk"];
  gettext = words "envsubst gettext ngettext";
  gitMinimal = git;
  glibc = words "getconf getent iconv ldd locale localedef";
  glibcLocales = [];
  glibcLocalesUtf8 = [];
  gnugrep = words "egrep fgrep grep";
  gnupg = words "gpg gpg-agent gpg-connect-agent gpgconf gpgv";
  gnused = ["sed"];
  gnutar = ["tar"];
  gzip = words "gunzip gzip zcat";
  hostname = ["hostname"];
  jq = ["jq"];
  kbd = ["loadkeys" "setfont"];
  kmod = words "depmod insmod kmod lsmod modinfo modprobe rmmod";
  less = ["less"];
  libiconv = ["iconv"];
  libnotify = ["notify-send"];
  man-db = ["man"];
  ncurses = words "clear infocmp reset tic toe tput tset";
  nix = words "nix nix-build nix-channel nix-collect-garbage nix-env nix-instantiate nix-store";
  nodejs = ["node"];
  openssh = words "scp sftp ssh ssh-add ssh-agent ssh-keygen ssh-keyscan";
  openssl = ["openssl"];
  patch = ["patch"];
  perl = ["perl"];
  procps = words "free kill pgrep pidof pidwait pkill pmap ps pwdx sysctl top uptime vmstat w watch";
  python3 = python;
  python3Minimal = python;
  ripgrep = ["rg"];
  sd-switch = ["sd-switch"];
  shellcheck = ["shellcheck"];
  shellcheck-minimal = ["shellcheck"];
  sudo = words "cvtsudoers sudo sudoedit sudoreplay visudo";
  systemdMinimal = systemd;
  tmux = ["tmux"];
  tree = ["tree"];
  tzdata = [];
  util-linux = utilLinux;
  util-linuxMinimal = utilLinux;
  which = ["which"];
  xz = words "unxz xz xzcat";
  zenity = ["zenity"];
  zstd = words "unzstd zstd zstdcat";
}
