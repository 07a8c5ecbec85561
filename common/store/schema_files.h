/*
 * The schema, as numbered files in the order in which they are applied: versions 1, 2, 3, … without
 * a gap. One row for each file of common/store/schema, embedded unchanged when the programs are
 * built, so that a checksum of the text is one of the file.
 */
#ifndef STORE_SCHEMA_FILES_H
#define STORE_SCHEMA_FILES_H

struct schema_file {
        int version;
        const char *name; /* "0001_first", without the .sql */
        const char *text;
};

extern const struct schema_file schema_files[]; /* ends with version 0 */
extern const int schema_file_count;

#endif
