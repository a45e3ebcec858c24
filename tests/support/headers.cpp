/// @file
/// Nothing: the target of this source precompiles the headers that tests share.
