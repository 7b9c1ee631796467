package lakehouse;

import io.delta.storage.HadoopFileSystemLogStore;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.util.Iterator;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.delta.actions.Action;
import org.apache.spark.sql.delta.actions.AddCDCFile;
import org.apache.spark.sql.delta.actions.AddFile;
import org.apache.spark.sql.delta.actions.DeletionVectorDescriptor;

/**
 * Delta's log on a local disk: when a commit appears, it and the files that it names are on the disk.
 *
 * Delta's own stores leave that to the operating system, so a power failure may leave an empty commit, or a commit
 * of empty files. A commit is a hard link, as delta-rs makes it, so of several processes that write the same version
 * one wins. java_classes.py compiles this file: no generics, no lambdas.
 */
public class LocalLogStore extends HadoopFileSystemLogStore {
    private static final String LAST_CHECKPOINT = "_last_checkpoint";
    private static final Pattern VERSION = Pattern.compile("\"version\":(\\d+)");

    public LocalLogStore(Configuration configuration) {
        super(configuration);
    }

    public void write(Path path, Iterator actions, Boolean overwrite, Configuration configuration)
            throws IOException {
        java.nio.file.Path target = LocalFiles.of(path);
        StringBuilder text = new StringBuilder();
        Set files = new TreeSet();
        while (actions.hasNext()) {
            String line = (String) actions.next();
            text.append(line).append('\n');
            addNamed(files, path.getParent().getParent(), line);
        }
        if (path.getName().equals(LAST_CHECKPOINT)) {
            addCheckpoint(files, target.getParent(), text);
        }
        for (Iterator each = files.iterator(); each.hasNext(); ) {
            LocalFiles.sync((java.nio.file.Path) each.next());
        }
        LocalFiles.write(target, text.toString(), overwrite.booleanValue());
    }

    /** Delta then renames a log's checkpoint when it is complete. */
    public Boolean isPartialWriteVisible(Path path, Configuration configuration) {
        return Boolean.TRUE;
    }

    /** Add the new files that an action names: data, changes, a deletion vector. */
    private static void addNamed(Set files, Path table, String line) throws IOException {
        if (line.startsWith("{\"add\":")) {
            AddFile add = (AddFile) Action.fromJson(line);
            addFile(files, table, relative(add.path()));
            DeletionVectorDescriptor vector = add.deletionVector();
            if (vector != null && vector.storageType().equals("u")) {
                addFile(files, table, vector.absolutePath(table));
            }
        } else if (line.startsWith("{\"cdc\":")) {
            addFile(files, table, relative(((AddCDCFile) Action.fromJson(line)).path()));
        }
    }

    private static Path relative(String path) throws IOException {
        try {
            return new Path(new URI(path));
        } catch (URISyntaxException error) {
            throw new IOException(error);
        }
    }

    /** Add a file with its checksum and its folders. One outside of the table, as a clone names it, is not new. */
    private static void addFile(Set files, Path table, Path named) {
        java.nio.file.Path folder = LocalFiles.of(table);
        java.nio.file.Path file = LocalFiles.of(new Path(table, named));
        if (!file.startsWith(folder)) {
            return;
        }
        if (Files.exists(LocalFiles.checksumOf(file))) {
            files.add(LocalFiles.checksumOf(file));
        }
        for (java.nio.file.Path one = file; one.startsWith(folder); one = one.getParent()) {
            files.add(one);
        }
    }

    /** Add the files of the checkpoint to which the hint points. */
    private static void addCheckpoint(Set files, java.nio.file.Path log, CharSequence hint) throws IOException {
        Matcher found = VERSION.matcher(hint);
        if (!found.find()) {
            return;
        }
        String name = String.format("%020d.checkpoint", new Object[] {Long.valueOf(found.group(1))});
        DirectoryStream held = Files.newDirectoryStream(log, "{,.}" + name + "*");
        try {
            for (Iterator each = held.iterator(); each.hasNext(); ) {
                files.add(each.next());
            }
        } finally {
            held.close();
        }
        files.add(log);
    }
}
