// What Microsoft's own TmdlSerializer reads in a model's folder: one line per part, its fields between tabs.
using System;
using System.Text;
using Microsoft.AnalysisServices.Tabular;

public static class ReadModel
{
    public static int Main(string[] arguments)
    {
        try
        {
            Model model = TmdlSerializer.DeserializeDatabaseFromFolder(arguments[0]).Model;
            foreach (NamedExpression query in model.Expressions)
                Tell("query", query.Name, Encoded(query.Expression));
            foreach (Table table in model.Tables)
            {
                foreach (Column column in table.Columns)
                {
                    Tell("column", table.Name, column.Name, column.DataType.ToString());
                    if (column.IsHidden) Tell("hidden", table.Name, column.Name);
                }
                foreach (Measure measure in table.Measures)
                    Tell("measure", table.Name, measure.Name, Encoded(measure.Expression));
                foreach (Partition partition in table.Partitions)
                    Tell("rows", table.Name, Encoded(((MPartitionSource)partition.Source).Expression));
            }
            foreach (Relationship relation in model.Relationships)
            {
                SingleColumnRelationship single = (SingleColumnRelationship)relation;
                Tell("relation", single.FromTable.Name, single.FromColumn.Name, single.ToTable.Name, single.ToColumn.Name);
            }
            return 0;
        }
        catch (Exception problem)
        {
            Console.Error.WriteLine(problem.Message);
            return 1;
        }
    }

    private static void Tell(params string[] fields)
    {
        Console.WriteLine(string.Join("\t", fields));
    }

    private static string Encoded(string text)
    {
        return Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
    }
}
