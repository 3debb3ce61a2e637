// Removes trees that strangers have made: of any depth, with immutable files in them, never following links, never crossing
// into another mount.
#pragma once

#include <filesystem>
#include <string>

namespace concourse::baggageclaim {

// Everything in the directory `directory`, which stays. Throws SysError naming what couldn't be removed.
void remove_children(int directory);

// A tree, file or link; fine if it isn't there.
void remove_tree(const std::filesystem::path& path);
void remove_tree_at(int directory, const std::string& name);

}  // namespace concourse::baggageclaim
