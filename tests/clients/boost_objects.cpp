// SPDX-License-Identifier: MIT
/*
 * Boost.Interprocess as its users have it, on an object by its name (shm_open)
 * or on a file by its path; the layout is the same. One command each run:
 *
 *   boost_objects raw-write name|path WHERE SIZE CHAR   fills all of it
 *   boost_objects raw-read name|path WHERE              prints what fills it
 *   boost_objects create name|path WHERE SIZE           a managed one
 *   boost_objects add name|path WHERE N                 appends 0..N-1
 *   boost_objects count name|path WHERE                 prints what is in it
 *   boost_objects remove NAME
 *
 * A number is appended under the mutex in the segment, the vector's memory
 * comes from the segment's allocator. Exits 0; 3 if there is no such object;
 * else 1 or by a signal.
 */
#include <algorithm>
#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/vector.hpp>
#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/managed_mapped_file.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/shared_memory_object.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

namespace bip = boost::interprocess;

/* The types of a managed segment, by name or by path. */
template <class Segment> struct managed {
	using allocator =
		bip::allocator<int, typename Segment::segment_manager>;
	using vector = bip::vector<int, allocator>;

	static void create(const char *where, std::size_t size)
	{
		Segment s(bip::create_only, where, size);

		s.template construct<bip::interprocess_mutex>("mutex")();
		s.template construct<vector>("numbers")(
			allocator(s.get_segment_manager()));
	}

	static void add(const char *where, int count)
	{
		Segment s(bip::open_only, where);
		auto *mutex =
			s.template find<bip::interprocess_mutex>("mutex").first;
		auto *numbers = s.template find<vector>("numbers").first;

		for (int i = 0; i < count; i++) {
			bip::scoped_lock<bip::interprocess_mutex> lock(*mutex);

			numbers->push_back(i);
		}
	}

	static void count(const char *where)
	{
		Segment s(bip::open_only, where);
		const vector *numbers =
			s.template find<vector>("numbers").first;
		std::map<int, int> times;

		for (int n : *numbers)
			times[n]++;
		/* those that all who appended have in common */
		std::cout << numbers->size() << " numbers, each " << times[0]
			  << " times\n";
		if (!s.check_sanity())
			throw std::runtime_error("segment is not sane");
	}
};

static bip::mapped_region map_raw(bool by_name, const char *where,
				  bip::mode_t mode)
{
	if (by_name)
		return { bip::shared_memory_object(bip::open_only, where, mode),
			 mode };
	return { bip::file_mapping(where, mode), mode };
}

static void raw_write(bool by_name, const char *where, std::size_t size, char c)
{
	if (by_name)
		bip::shared_memory_object(bip::open_or_create, where,
					  bip::read_write)
			.truncate(static_cast<bip::offset_t>(size));
	bip::mapped_region region = map_raw(by_name, where, bip::read_write);

	if (region.get_size() != size)
		throw std::runtime_error("another size");
	std::memset(region.get_address(), c, size);
	if (!region.flush())
		throw std::runtime_error("flush");
}

static void raw_read(bool by_name, const char *where)
{
	bip::mapped_region region = map_raw(by_name, where, bip::read_only);
	const char *bytes = static_cast<const char *>(region.get_address());

	std::cout << std::count(bytes, bytes + region.get_size(), bytes[0])
		  << " of " << bytes[0] << '\n';
}

static bool run_managed(const std::string &word, bool by_name,
			const char *where, const char *number)
{
	using shm = managed<bip::managed_shared_memory>;
	using file = managed<bip::managed_mapped_file>;

	if (word == "create" && number)
		(by_name ? shm::create : file::create)(where,
						       std::stoul(number));
	else if (word == "add" && number)
		(by_name ? shm::add : file::add)(where, std::stoi(number));
	else if (word == "count")
		(by_name ? shm::count : file::count)(where);
	else
		return false;
	return true;
}

static bool run(int argc, char **argv)
{
	std::string word = argc > 2 ? argv[1] : "";
	bool by_name = argc > 2 && std::string(argv[2]) == "name";

	if (word == "remove")
		return bip::shared_memory_object::remove(argv[2]);
	if (argc < 4)
		return false;
	if (word == "raw-write" && argc == 6)
		raw_write(by_name, argv[3], std::stoul(argv[4]), argv[5][0]);
	else if (word == "raw-read")
		raw_read(by_name, argv[3]);
	else
		return run_managed(word, by_name, argv[3],
				   argc > 4 ? argv[4] : nullptr);
	return true;
}

int main(int argc, char **argv)
{
	try {
		return run(argc, argv) ? 0 : 1;
	} catch (const bip::interprocess_exception &e) {
		if (e.get_error_code() != bip::not_found_error)
			throw;
		std::cerr << "no such object\n";
		return 3;
	}
}
