#include "services/ctl/manual.hpp"

#include "common/config/groups.hpp"
#include "common/config/man.hpp"
#include "services/ctl/command_line.hpp"

namespace concourse::ctl {

namespace {

using config::roff;

constexpr std::string_view kSummary = "Looks into a running worker and steers it";

constexpr std::string_view kDescription =
    "It talks to the control sockets of the worker's services and to the two APIs, and so must be run as root on the worker's "
    "machine. It works when any service is down, and says which.";

constexpr std::string_view kExitStatus =
    "0; 1 when something failed or, for status, when a service is down; 2 for a wrong command line. Of garden run and garden "
    "attach it is the process' own; 255 when they failed themselves, 130 when garden attach was detached.";

std::string paragraph(std::string_view text) { return ".PP\n" + roff(text) + "\n"; }

std::string section_of(const Verb& verb) {
  auto out = ".SS \"" + roff(usage_of(verb)) + "\"\n" + roff(verb.summary) + "\n";
  for (const auto& option : verb.options)
    if (!option.hidden) out += config::man_option(option);
  return out + ".PP\nExample:\n.PP\n.nf\n.RS\n" + roff(verb.example) + "\n.RE\n.fi\n";
}

}  // namespace

std::string manual() {
  auto out = config::man_head(kProgram, kSummary);
  out += ".SH SYNOPSIS\n.B " + roff(kProgram) + "\n\\fIverb\\fR [words] [flags]\n.SH DESCRIPTION\n" + roff(kDescription) + "\n";
  out += paragraph("A flag is written --name=value or --name value.");
  out += ".SH VERBS\n";
  for (const auto& verb : verbs()) out += section_of(verb);
  out += ".SH \"FLAGS OF EVERY VERB\"\n" + config::man_option(runtime_dir_option());
  out += ".TP\n\\fB\\-\\-help\\fR\nPrint the flags and an example, and exit.\n";
  out += ".SH \"EXIT STATUS\"\n" + roff(kExitStatus) + "\n";
  return out + ".SH \"SEE ALSO\"\n.BR concourse\\-worker (1),\n.BR journalctl (1)\n";
}

}  // namespace concourse::ctl
